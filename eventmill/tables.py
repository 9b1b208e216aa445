"""Hive's external tables of each line: made from `sql/hive/<line>.sql`, and told of the days that HDFS has."""

from __future__ import annotations

import re
from pathlib import Path

from eventmill import sql
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


def find_days(line: str) -> str:
    """The statements by which Hive finds the days of a line's tables that HDFS has, and forgets those it has not."""
    return "\n".join(f"MSCK REPAIR TABLE {table} SYNC PARTITIONS;" for table in partitioned(line))


def apply(settings: Settings, line: str) -> tuple[str, ...]:
    """Make the line's tables that are missing and find their days; returns the names of those with days."""
    for statement in sql.statements(f"{script(line).read_text('utf-8')}\n{find_days(line)}"):
        sql.hive(settings, statement)
    return partitioned(line)
