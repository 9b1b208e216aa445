"""Connections to MySQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mysql.connector

from eventmill.settings import Settings


@contextmanager
def connect(settings: Settings) -> Iterator[Any]:
    """A connection in one transaction at a time, closed at the end; what was not committed is undone."""
    connection = mysql.connector.connect(
        host=settings.mysql_host,
        port=settings.mysql_port,
        user=settings.mysql_user,
        password=settings.mysql_password,
        database=settings.mysql_database,
        charset="utf8mb4",
        time_zone="+00:00",
        autocommit=False,
    )
    try:
        yield connection
    finally:
        connection.close()
