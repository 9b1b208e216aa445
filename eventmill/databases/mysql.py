"""MySQL: connections from the settings, and scripts of SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mysql.connector
from mysql.connector.errorcode import (
    ER_CANNOT_CONVERT_STRING,
    ER_CHECK_CONSTRAINT_VIOLATED,
    ER_LOCK_DEADLOCK,
    ER_LOCK_WAIT_TIMEOUT,
    ER_SERVER_SHUTDOWN,
    ER_SESSION_WAS_KILLED,
    ER_TRUNCATED_WRONG_VALUE_FOR_FIELD,
)

from eventmill.config.settings import ROOT, Settings
from eventmill.databases import sql_scripts

SCRIPTS = ROOT / "sql" / "mysql"
SHOP = "orders"
"""The pipeline whose tables are the shop's own, in its own database."""

CLIENT_ERRORS = 2000
"""First of the error numbers that are about the connection."""

PASSING = {ER_SERVER_SHUTDOWN, ER_SESSION_WAS_KILLED, ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK}

WRONG_VALUES = {ER_TRUNCATED_WRONG_VALUE_FOR_FIELD, ER_CHECK_CONSTRAINT_VIOLATED, ER_CANNOT_CONVERT_STRING}
"""Errors about values that have no class of their own."""


@contextmanager
def connect(settings: Settings, database: str = "", **options: object) -> Iterator[Any]:
    """A connection to the analytics' database or another, in one transaction at a time, closed at the end.

    What was not committed is undone. `options` are further ones of mysql.connector.

    Raises:
        mysql.connector.Error: when the server is away or refuses.
    """
    connection = mysql.connector.connect(**arguments(settings, database) | options)
    try:
        yield connection
    finally:
        connection.close()


def is_away(error: BaseException) -> bool:
    """True if MySQL cannot do now what it can do later: it is away, it ends, or another transaction is in the way."""
    if not isinstance(error, mysql.connector.Error):
        return False
    return error.errno in PASSING or CLIENT_ERRORS <= error.errno < CLIENT_ERRORS + 1000


def is_refusal(error: BaseException) -> bool:
    """True if MySQL refuses what is to be written because of its values."""
    by_value = mysql.connector.DataError | mysql.connector.IntegrityError
    return isinstance(error, by_value) or (isinstance(error, mysql.connector.Error) and error.errno in WRONG_VALUES)


def arguments(settings: Settings, database: str = "") -> dict[str, Any]:
    """Connection arguments, for one connection or a pool of them."""
    return {
        "host": settings.mysql_host,
        "port": settings.mysql_port,
        "user": settings.mysql_user,
        "password": settings.mysql_password,
        "database": database or settings.mysql_database,
        "charset": "utf8mb4",
        "time_zone": "+00:00",
        "autocommit": False,
        # Else a server may ask for any file of this machine.
        "allow_local_infile": False,
        "connection_timeout": 10,
    }


def digest_expression(value: str) -> str:
    """For MySQL, a digest of that expression over all rows of a group, in whatever order they come."""
    return f"BIT_XOR(CAST(CONV(LEFT(SHA2({value}, 256), 16), 16, 10) AS UNSIGNED))"


def write_rows(settings: Settings, statement: str, rows: Sequence[tuple[object, ...]], *, undo: bool = False) -> None:
    """Execute a statement for each of the rows, in one transaction, which is undone at the end if that is asked for."""
    with connect(settings) as connection:
        connection.cursor().executemany(statement, rows)
        if undo:
            connection.rollback()
        else:
            connection.commit()


def apply_script(settings: Settings, script: Path) -> None:
    """Execute a pipeline's script, whose statements can be repeated, such as `CREATE TABLE IF NOT EXISTS`."""
    with connect(settings, settings.shop_database if script.stem == SHOP else "") as connection:
        cursor = connection.cursor()
        for statement in sql_scripts.statements(script.read_text("utf-8")):
            cursor.execute(statement)
        connection.commit()


def apply_tables(settings: Settings) -> None:
    """Make the tables of all pipelines that are missing."""
    for script in sorted(SCRIPTS.glob("*.sql")):
        apply_script(settings, script)
