"""HDFS with the files of a pipeline's tables, and Hive as it reads them, for tests without either."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from eventmill.config.settings import Settings
from eventmill.databases import query_engines
from eventmill.databases.query_engines import QueryResult, Value
from eventmill.lake import partition_locations, webhdfs
from eventmill.lake.partition_locations import Locations
from eventmill.lake.webhdfs import FileStatus
from ops.reconciliation import snapshot
from spark_jobs.pipelines.clicks import FAULTS
from spark_jobs.sinks.parquet_tables import TableRow, parquet

NOT_IN = re.compile(r"`day` NOT IN \(([^)]*)\)")
UNTIL = re.compile(r"<= (-?[0-9]+)")


class Row(NamedTuple):
    """An event of a table: its identity and label; of the clicks, start of the window and source."""

    identity: str
    label: str


def _fault(row: Row, numbers: tuple[int, ...]) -> TableRow:
    start = datetime.fromisoformat(row.identity).replace(tzinfo=UTC)
    window = {"window_start": start, "window_end": start, "source": row.label}
    return window | dict(zip(("late", "duplicates"), numbers, strict=True))


@dataclass
class File:
    """A file, when it was written, and its rows; of the clicks, each with its numbers."""

    modified: int
    rows: dict[Row, tuple[int, ...]]


@dataclass
class Stores:
    """Files by their path below the pipeline's folder, such as `game_events/day=2026-01-01/batch-0000000001.parquet`.

    Attributes:
        forgotten: partitions that Hive does not know.
        elsewhere: by partition, the folder that Hive reads in place of the one that has its name.
        asked: the statements that Hive got for rows.
        brought: the files of late clicks and copies that were read on HDFS.
    """

    pipeline: str
    files: dict[str, File] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    elsewhere: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    brought: list[str] = field(default_factory=list)

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take the place of the real ones."""
        monkeypatch.setattr(webhdfs, "entries", self.entries)
        monkeypatch.setattr(webhdfs, "read", self.read)
        monkeypatch.setattr(webhdfs, "names", lambda s, folder: [entry.name for entry in self.entries(s, folder)])
        monkeypatch.setattr(partition_locations, "read_locations", lambda _settings, _pipeline: Locations())
        monkeypatch.setattr(query_engines, "hive", self.hive)
        monkeypatch.setattr(snapshot, "REGISTERED_SECONDS", 0)

    def write(self, path: str, *rows: Row, modified: int = 1, numbers: tuple[int, ...] = (1,)) -> None:
        """Put a file there."""
        self.files[path] = File(modified, dict.fromkeys(rows, numbers))

    def entries(self, _: Settings, folder: str) -> list[FileStatus]:
        """What a folder holds."""
        below = folder.removeprefix(f"/eventmill/{self.pipeline}/") + "/"
        found = {path.removeprefix(below): file for path, file in self.files.items() if path.startswith(below)}
        folders = {FileStatus(name.split("/")[0], 0) for name in found if "/" in name}
        return sorted([*folders, *(FileStatus(n, len(f.rows), f.modified) for n, f in found.items() if "/" not in n)])

    def read(self, _: Settings, path: str) -> bytes:
        """A file of late clicks and copies as the job writes it."""
        name = path.removeprefix(f"/eventmill/{self.pipeline}/")
        self.brought.append(name)
        return parquet((_fault(row, numbers) for row, numbers in self.files[name].rows.items()), FAULTS)

    def hive(self, _: Settings, statement: str) -> QueryResult:
        """Answer the statements that checks make."""
        if statement.startswith("SHOW TABLES LIKE"):
            return QueryResult(rows=(("there",),))
        if statement.startswith("SHOW PARTITIONS"):
            return QueryResult(rows=tuple((day,) for day in self._folders(statement.split()[-1])))
        if statement.startswith("DESCRIBE FORMATTED"):
            folder = self._folders(statement.split()[-1]).get("", "itself")
            return QueryResult(rows=(("Location:      ", f"hdfs://h:1/eventmill/{self.pipeline}/{folder}", None),))
        table = statement.partition(" FROM ")[2].split()[0]
        if statement.startswith("EXPLAIN EXTENDED SELECT *"):
            paths = (f"/eventmill/{self.pipeline}/{folder}" for day, folder in self._folders(table).items() if day)
            return QueryResult(rows=tuple((f"      location hdfs://h:1{path}",) for path in paths))
        self.asked.append(statement)
        return QueryResult(rows=tuple(self._answer(statement, table)))

    def _folders(self, table: str) -> dict[str, str]:
        """The days that Hive knows of a table, each with the folder that it reads."""
        folder = {"commerce_faults": "faults"}.get(table, table)
        days = {path.split("/")[1] for path in self.files if path.startswith(f"{folder}/")}
        if folder == "faults":
            return {"": self.elsewhere.get(folder, folder)}
        names = {day: f"{folder}/{day}" for day in sorted(days)}
        return {day: self.elsewhere.get(at, at) for day, at in names.items() if at not in self.forgotten}

    def _rows(self, statement: str, table: str) -> Iterator[tuple[str, str, Row, tuple[int, ...]]]:
        """The rows that a statement is about: path, day, row and numbers."""
        left_out = re.findall("'([^']*)'", found[1]) if (found := NOT_IN.search(statement)) else []
        until = int(found[1]) if (found := UNTIL.search(statement)) else 2**62
        for day, folder in self._folders(table).items():
            for path, file in self.files.items():
                if path.startswith(f"{folder}/") and snapshot.batch_in(path) <= until:
                    value = day.removeprefix("day=")
                    yield from ((path, value, row, n) for row, n in file.rows.items() if value not in left_out)

    def _answer(self, statement: str, table: str) -> Iterator[tuple[Value, ...]]:
        rows = list(self._rows(statement, table))
        if statement.startswith("SELECT INPUT__FILE__NAME"):
            for path, day, row, numbers in rows:
                yield (path, day, row.identity, row.label, *numbers)
        elif statement.startswith("SELECT COUNT(DISTINCT"):
            yield (len({row.identity for _, _, row, _ in rows}),)
        else:
            labels = [set(re.findall("'([^']*)'", each)) for each in re.findall(r"IN \(([^)]*)\) THEN", statement)]
            for day in sorted({day for _, day, _, _ in rows}):
                there = [row.label for _, each, row, _ in rows if each == day]
                yield (day, len(there), *(sum(label in wanted for label in there) for wanted in labels))
