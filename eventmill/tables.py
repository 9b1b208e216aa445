"""Hive's external tables of each line: made from `sql/hive/<line>.sql`, and told of the days that HDFS has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from eventmill import places, sql
from eventmill.settings import ROOT, Settings

FOLDER = ROOT / "sql" / "hive"
PLANNED = "'discover.partitions' = 'false'"
"""What says of a table that its days are not looked for: a plan says where they are."""

TABLE = re.compile(r"CREATE EXTERNAL TABLE IF NOT EXISTS (\w+)")


class TablesError(ValueError):
    """No line of that name has tables; the message names those that have."""


def script(line: str) -> Path:
    """The file that makes a line's tables.

    Raises:
        TablesError: naming the lines that have one.
    """
    path = FOLDER / f"{line}.sql"
    if not path.is_file():
        raise TablesError(f"no line is called {line!r}; there are {', '.join(lines())}")
    return path


def lines() -> tuple[str, ...]:
    """The lines that have tables."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.sql")))


def partitioned(line: str) -> tuple[str, ...]:
    """The line's tables that are partitioned by day."""
    made = sql.statements(script(line).read_text("utf-8"))
    by_day = [statement for statement in made if "PARTITIONED BY" in statement and PLANNED not in statement]
    return tuple(name[1] for name in map(TABLE.search, by_day) if name)


def known_days(settings: Settings, table: str) -> set[str]:
    """The days (`day=2026-01-01`) that Hive knows of a table."""
    return {str(row[0]) for row in sql.hive(settings, f"SHOW PARTITIONS {table}").rows}


def find_days(settings: Settings, line: str) -> str:
    """The statements by which Hive finds the days of a line's tables that HDFS has, and forgets those it has not.

    MSCK REPAIR refuses a day that was moved as long as the folder is there that it has left.
    """
    names = partitioned(line)
    made = {str(row[0]) for row in sql.hive(settings, "SHOW TABLES").rows} if names else set()
    known = {table: known_days(settings, table) if table in made else set() for table in names}
    return "\n".join(f"{each};" for table in names for each in _find_days(settings, line, table, known[table]))


def _find_days(settings: Settings, line: str, table: str, known: set[str]) -> Iterator[str]:
    there = places.days(settings, line, table)
    for day in sorted(known - there.keys()):
        yield f"ALTER TABLE {table} DROP IF EXISTS {_partition(day)}"
    if new := {day: folder for day, folder in there.items() if day not in known}:
        yield add_days(settings, line, table, new)


def add_days(settings: Settings, line: str, table: str, folders: Mapping[str, str]) -> str:
    """The statement by which Hive knows days (`day=2026-01-01`), each new one in its folder of the line."""
    parts = " ".join(f"{_partition(day)} {_location(settings, line, folder)}" for day, folder in folders.items())
    return f"ALTER TABLE {table} ADD IF NOT EXISTS {parts}"


def move_day(settings: Settings, line: str, table: str, day: str, folder: str) -> str:
    """The statement by which Hive reads a day (`day=2026-01-01`) in another folder of the line."""
    return f"ALTER TABLE {table} {_partition(day)} SET {_location(settings, line, folder)}"


def _partition(day: str) -> str:
    name, _, value = day.partition("=")
    return f"PARTITION (`{name}` = '{value}')"


def _location(settings: Settings, line: str, folder: str) -> str:
    return f"LOCATION '{settings.hdfs_url}{places.path(line, folder)}'"


def apply(settings: Settings, line: str) -> tuple[str, ...]:
    """Make the line's tables that are missing and find their days; returns the names of those with days."""
    for statement in sql.statements(f"{script(line).read_text('utf-8')}\n{find_days(settings, line)}"):
        sql.hive(settings, statement)
    return partitioned(line)
