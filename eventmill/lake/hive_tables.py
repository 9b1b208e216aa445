"""Hive's external tables of each pipeline: made from `sql/hive/<pipeline>.sql`, and told of the days that HDFS has."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from eventmill.config.errors import EventmillError
from eventmill.config.settings import ROOT, Settings
from eventmill.databases import query_engines, sql_scripts
from eventmill.lake import partition_locations

FOLDER = ROOT / "sql" / "hive"
PLANNED = "'discover.partitions' = 'false'"
"""Mark of a table whose days are not looked for: a plan says where they are."""

TABLE = re.compile(r"CREATE EXTERNAL TABLE IF NOT EXISTS (\w+)")


class TablesError(EventmillError, ValueError):
    """No pipeline of that name has tables; the message names those that have."""


def script(pipeline: str) -> Path:
    """The file that makes a pipeline's tables.

    Raises:
        TablesError: naming the pipelines that have one.
    """
    path = FOLDER / f"{pipeline}.sql"
    if not path.is_file():
        raise TablesError(f"no pipeline is called {pipeline!r}; there are {', '.join(pipelines())}")
    return path


def pipelines() -> tuple[str, ...]:
    """The pipelines that have tables."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.sql")))


def partitioned(pipeline: str) -> tuple[str, ...]:
    """The pipeline's tables that are partitioned by day."""
    made = sql_scripts.statements(script(pipeline).read_text("utf-8"))
    by_day = [statement for statement in made if "PARTITIONED BY" in statement and PLANNED not in statement]
    return tuple(name[1] for name in map(TABLE.search, by_day) if name)


def known_days(settings: Settings, table: str) -> set[str]:
    """The days (`day=2026-01-01`) that Hive knows of a table."""
    return {str(row[0]) for row in query_engines.hive(settings, f"SHOW PARTITIONS {table}").rows}


class Changes(NamedTuple):
    """Differences between a table's days on HDFS and those that Hive knows.

    Attributes:
        gone: days that only Hive has.
        new: days that only HDFS has, each with its folder.
    """

    gone: list[str]
    new: dict[str, str]

    def statements(self, settings: Settings, pipeline: str, table: str) -> Iterator[str]:
        """The statements by which Hive knows the same days as HDFS.

        MSCK REPAIR would do it too, but refuses a day that was moved as long as the folder is there that it has left.
        """
        yield from (f"ALTER TABLE {table} DROP IF EXISTS {_partition(day)}" for day in self.gone)
        if self.new:
            yield add_days(settings, pipeline, table, self.new)


def day_changes(settings: Settings, pipeline: str, there: Container[str]) -> dict[str, Changes]:
    """Differences of the days of a pipeline's tables; `there` are the tables that Hive has."""
    names = partitioned(pipeline)
    # Before HDFS is asked: a day that is there then, and was not known before, is new.
    known = {table: known_days(settings, table) if table in there else set() for table in names}
    on_hdfs = partition_locations.days_of(settings, pipeline, names)
    return {
        table: Changes(
            sorted(known[table] - on_hdfs[table].keys()),
            {day: folder for day, folder in on_hdfs[table].items() if day not in known[table]},
        )
        for table in names
    }


def find_days(settings: Settings, pipeline: str) -> str:
    """The statements by which Hive finds the days of a pipeline's tables that HDFS has, and forgets all others."""
    found = day_changes(settings, pipeline, made(settings)) if partitioned(pipeline) else {}
    return "\n".join(
        f"{each};" for table, change in found.items() for each in change.statements(settings, pipeline, table)
    )


def made(settings: Settings) -> set[str]:
    """The tables that Hive has."""
    return {str(row[0]) for row in query_engines.hive(settings, "SHOW TABLES").rows}


def add_days(settings: Settings, pipeline: str, table: str, folders: Mapping[str, str]) -> str:
    """The statement by which Hive knows days (`day=2026-01-01`), each new one in its folder of the pipeline."""
    parts = " ".join(f"{_partition(day)} {_location(settings, pipeline, folder)}" for day, folder in folders.items())
    return f"ALTER TABLE {table} ADD IF NOT EXISTS {parts}"


def move_day(settings: Settings, pipeline: str, table: str, day: str, folder: str) -> str:
    """The statement by which Hive reads a day (`day=2026-01-01`) in another folder of the pipeline."""
    return f"ALTER TABLE {table} {_partition(day)} SET {_location(settings, pipeline, folder)}"


def _partition(day: str) -> str:
    name, _, value = day.partition("=")
    return f"PARTITION (`{name}` = '{value}')"


def _location(settings: Settings, pipeline: str, folder: str) -> str:
    return f"LOCATION '{settings.hdfs_url}{partition_locations.path(pipeline, folder)}'"


def apply_hive_tables(settings: Settings, pipeline: str) -> dict[str, int]:
    """Make the pipeline's tables that are missing and find their days.

    Returns:
        The tables with days, each with the number of days that Hive did not know.
    """
    there = made(settings)
    for statement in sql_scripts.statements(script(pipeline).read_text("utf-8")):
        if not ((name := TABLE.search(statement)) and name[1] in there):
            query_engines.hive(settings, statement)
    found = day_changes(settings, pipeline, there)
    for table, change in found.items():
        for statement in change.statements(settings, pipeline, table):
            query_engines.hive(settings, statement)
    return {table: len(change.new) for table, change in found.items()}
