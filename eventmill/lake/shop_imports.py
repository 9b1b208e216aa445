"""The data lake: what was imported of the shop's tables, as CSV in folders that say which rows they hold.

A folder is named by the numbers of the last row before it and of its last row, and appears whole, by renaming. So the
folders are all the state there is: what was imported last is the end of the last one, whenever a process died.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from mysql.connector import Error as MysqlError
from mysql.connector.errorcode import ER_BAD_DB_ERROR, ER_NO_SUCH_TABLE

from eventmill.config.settings import Settings
from eventmill.databases import mysql
from eventmill.lake import webhdfs

LAKE = "/eventmill/orders/data_lake"
ASIDE = f"{LAKE}/_importing"
DIGITS = 20
LOCK_SECONDS = 10
NOT_MADE = (ER_BAD_DB_ERROR, ER_NO_SUCH_TABLE)
"""MySQL's error on a new stack, whose shop has no tables yet."""


@dataclass(frozen=True)
class ImportSource:
    """A table of the shop: its columns in the lake's order, and the one that numbers its rows as they are added."""

    name: str
    columns: tuple[str, ...]
    number: str


SOURCES: Mapping[str, ImportSource] = {
    source.name: source
    for source in (
        ImportSource(
            "orders",
            ("order_id", "user_id", "product_id", "quantity", "orderedAt", "status", "messageid"),
            "order_id",
        ),
        ImportSource("completed_orders", ("order_id", "completedAt", "status", "completion_id"), "completion_id"),
    )
}


class ImportedRows(NamedTuple):
    """The rows of a table with numbers above `after`, up to `until`."""

    after: int
    until: int

    @property
    def folder(self) -> str:
        """The name of the folder that holds them."""
        return f"{self.after:0{DIGITS}}-{self.until:0{DIGITS}}"


def imported(settings: Settings, table: str) -> list[ImportedRows]:
    """The imported ranges of a table's rows, in order."""
    names = webhdfs.names(settings, f"{LAKE}/{table}")
    return [ImportedRows(*map(int, name.split("-"))) for name in names if name.replace("-", "").isdecimal()]


def rows_to_import(settings: Settings, table: str) -> ImportedRows:
    """The rows that are there now and were not imported yet; none when both numbers are the same."""
    last = max((rows.until for rows in imported(settings, table)), default=0)
    return ImportedRows(last, max(last, _newest_or_none(settings, SOURCES[table])))


def _newest_or_none(settings: Settings, source: ImportSource) -> int:
    """As `_newest`; 0 while the shop's tables are not made."""
    try:
        return _newest(settings, source)
    except MysqlError as error:
        if error.errno in NOT_MADE:
            return 0
        raise


def _newest(settings: Settings, source: ImportSource) -> int:
    """The highest number of the table below which no row will appear any more.

    Rows get their numbers before their transactions end, in any order. The lock waits for those that are under way.
    """
    with mysql.connect(settings, settings.shop_database) as connection:
        cursor: Any = connection.cursor()
        cursor.execute(f"SET SESSION lock_wait_timeout = {LOCK_SECONDS}")
        cursor.execute(f"LOCK TABLES {source.name} READ")
        cursor.execute(f"SELECT COALESCE(MAX({source.number}), 0) FROM {source.name}")  # noqa: S608 - names of our own
        (newest,) = cursor.fetchone()
        cursor.execute("UNLOCK TABLES")
    return int(newest)


def until(settings: Settings) -> dict[str, int]:
    """The last row that the lake has of each table."""
    return {table: max((rows.until for rows in imported(settings, table)), default=0) for table in SOURCES}


def staging_folder(table: str, rows: ImportedRows) -> str:
    """The folder that the tries to import these rows write to, each to one of its own, named by its number."""
    return f"{ASIDE}/{table}/{rows.folder}"


def publish_import(settings: Settings, table: str, rows: ImportedRows) -> None:
    """Make what the last try imported a part of the lake; removes what earlier ones have left.

    Rows that do not follow what is there, because another run was faster, are left to the next run.
    """
    if rows.after == until(settings)[table]:
        folder = staging_folder(table, rows)
        last = max(webhdfs.names(settings, folder), key=int)
        webhdfs.make_folder(settings, f"{LAKE}/{table}")
        webhdfs.rename(settings, f"{folder}/{last}", f"{LAKE}/{table}/{rows.folder}")
    webhdfs.delete(settings, f"{ASIDE}/{table}")
