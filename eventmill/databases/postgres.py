"""PostgreSQL: connections from the settings, and the tables of the star schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from eventmill.config.settings import ROOT, Settings

SCRIPTS = ROOT / "sql" / "postgres"
CONNECT_SECONDS = 10
FIRST = "postgres"
"""The database that each server has."""


@contextmanager
def connect(settings: Settings, database: str = "") -> Iterator[Any]:
    """A connection to the analytics' database or another, in one transaction that is committed at the end.

    Raises:
        psycopg.Error: when the server is away or refuses.
    """
    with psycopg.connect(**_arguments(settings, database)) as connection:
        yield connection


def _arguments(settings: Settings, database: str) -> dict[str, Any]:
    return {
        "host": settings.postgres_host,
        "port": settings.postgres_port,
        "user": settings.postgres_user,
        "password": settings.postgres_password,
        "dbname": database or settings.postgres_database,
        "connect_timeout": CONNECT_SECONDS,
        "options": "-c timezone=UTC",
    }


def is_away(error: BaseException) -> bool:
    """True if PostgreSQL cannot do now what it can do later: it is away, or another transaction is in the way."""
    return isinstance(error, psycopg.OperationalError) and not is_refusal(error)


def is_refusal(error: BaseException) -> bool:
    """True if PostgreSQL refuses what is to be written because of its values."""
    # A limit may be that of an index on a value's length.
    return isinstance(error, psycopg.DataError | psycopg.IntegrityError | psycopg.errors.ProgramLimitExceeded)


def apply_tables(settings: Settings) -> None:
    """Make the database and the tables that are missing."""
    _make_database(settings)
    with connect(settings) as connection:
        for script in sorted(SCRIPTS.glob("*.sql")):
            connection.execute(script.read_text("utf-8"))


def _make_database(settings: Settings) -> None:
    name = settings.postgres_database
    with psycopg.connect(**_arguments(settings, FIRST), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
