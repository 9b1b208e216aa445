"""The days of a pipeline's tables: those whose files are as the last check found them, and the others, to ask Hive for.

A day's rows are taken from the note only where its folder has the same files, of the same lengths and times, and Hive
reads that very folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import NamedTuple

import msgspec

from eventmill.config.settings import Settings
from eventmill.databases import query_engines
from eventmill.lake import hive_tables, partition_locations, webhdfs
from ops.reconciliation.last_check import AHEAD, Cell, CheckNote, Day
from ops.reconciliation.snapshot import MICROS, batch_in

AT_ONCE = 8
"""Folders that are listed side by side."""

FOLDER = re.compile(r"hdfs://[^/\s]+(/[^\s\[\],]+)")
WHOLE = ""
"""The one day of a table that has none."""

Rows = Mapping[str, list[tuple[Cell, ...]]]
"""Hive's rows by day."""


class Folder(NamedTuple):
    """A day's folder from the root of HDFS, and its files.

    Attributes:
        files: their digest.
        newest: the newest batch that made one; -1 if none.
        modified: when the last one was written, in milliseconds since the epoch.
    """

    path: str
    files: str
    newest: int
    modified: int


@dataclass(frozen=True)
class TableDays:
    """A table's days at one moment.

    Attributes:
        there: those on HDFS.
        noted: those of the last check.
        taken: those of them that are the same still.
        known: those that Hive knows.
        newer: the files on HDFS that have come to what is taken since, of a table without days.
    """

    table: str
    there: Mapping[str, Folder]
    noted: Mapping[str, Day]
    taken: frozenset[str]
    known: frozenset[str]
    newer: Sequence[str] = ()

    @property
    def is_asked(self) -> bool:
        """True when Hive has days that are not taken."""
        return not self.known <= self.taken

    @property
    def rows(self) -> Rows:
        """Noted rows of the days that are taken from the note."""
        return {day: self.noted[day].rows for day in self.taken}

    def condition(self, *others: str) -> str:
        """The condition by which Hive gives the days that are not taken, and only what meets the others too.

        It names those that are taken: what Hive may have of a day that nobody knows of is asked for, too.
        """
        days = query_engines.texts(day_value(day) for day in self.taken if day != WHOLE)
        conditions = [*([f"`day` NOT IN ({days})"] if days else []), *others]
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""

    def without_unsettled(self, closed: int, watermark: int) -> TableDays:
        """The same, but that days are asked for again of which the job had not forgotten all identities.

        A copy of one may have come to any other day since, and must not have been stored there. The job forgets an
        identity when `closed`, its closing watermark at the last check, has passed its time, or where the watermark
        was when it came, by `watermark`; both in microseconds.
        """
        settled = {day for day in self.taken if max(_end(day), self.noted[day].since) + watermark <= closed}
        return replace(self, taken=frozenset(settled)) if self.is_asked else self

    def note(self, rows: Rows, now: CheckNote) -> dict[str, Day]:
        """The days to note: those of which no later batch has made a file."""
        return {
            day: Day(found.path, found.files, rows.get(day, []), self._since(day, found, now))
            for day, found in self.there.items()
            if found.newest <= now.batch
        }

    def _since(self, day: str, found: Folder, now: CheckNote) -> int:
        if _is_same(self.noted.get(day), found):
            return self.noted[day].since
        # No event moves the watermark further beyond the time at which Kafka got it, which was before the file's.
        return min(now.progress.closed, found.modified * 1_000 + now.rules[AHEAD] * MICROS)


def days_of_table(settings: Settings, pipeline: str, table: str, before: CheckNote) -> TableDays:
    """A table's days now, with what the last check has noted of them."""
    noted = before.days.get(table, {})
    there = _folders(
        settings,
        {
            day: partition_locations.path(pipeline, at)
            for day, at in partition_locations.days(settings, pipeline, table).items()
        },
    )
    known = frozenset(hive_tables.known_days(settings, table))
    return TableDays(table, there, noted, _taken(settings, table, there, noted) & known, known)


def whole_table(settings: Settings, pipeline: str, table: str, folder: str, before: CheckNote, batch: int) -> TableDays:
    """The same of a table without days, whose files lie in that folder of the pipeline, as of that batch.

    It is taken where the files of the batches that were noted are the same, whatever later ones have made.
    """
    path, noted = partition_locations.path(pipeline, folder), before.days.get(table, {})
    files = webhdfs.entries(settings, path)
    then = _folder(path, (file for file in files if _batch(file) <= before.batch))
    taken = _taken(settings, table, {WHOLE: then}, noted)
    newer = [f"{path}/{file.name}" for file in files if taken and before.batch < _batch(file) <= batch]
    there = {WHOLE: _folder(path, (file for file in files if _batch(file) <= batch))}
    return TableDays(table, there, noted, taken, frozenset({WHOLE}), newer)


def _folders(settings: Settings, paths: Mapping[str, str]) -> dict[str, Folder]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        listed = pool.map(partial(webhdfs.entries, settings), paths.values())
        return {day: _folder(path, entries) for (day, path), entries in zip(paths.items(), listed, strict=True)}


def _folder(path: str, entries: Iterable[webhdfs.FileStatus]) -> Folder:
    files = [entry for entry in entries if not entry.is_hidden]
    newest, modified = max(map(_batch, files), default=-1), max((file.modified for file in files), default=0)
    return Folder(path, sha256(msgspec.json.encode(files)).hexdigest(), newest, modified)


def _batch(file: webhdfs.FileStatus) -> int:
    return batch_in(f"/{file.name}")


def _taken(settings: Settings, table: str, there: Mapping[str, Folder], noted: Mapping[str, Day]) -> frozenset[str]:
    """The days that are as they were noted, and that Hive reads where they are."""
    same = {day: found.path for day, found in there.items() if _is_same(noted.get(day), found)}
    read = folders_read(settings, table) if same else set()
    return frozenset(day for day, path in same.items() if path in read)


def _is_same(day: Day | None, found: Folder) -> bool:
    return day is not None and (day.folder, day.files) == (found.path, found.files)


def folders_read(settings: Settings, table: str) -> set[str]:
    """The folders, from the root of HDFS, that Hive would read for all of a table."""
    # The plan of a sum needs classes of Tez; this one names the folders of days, but not that of a table without days.
    plan = query_engines.hive(settings, f"EXPLAIN EXTENDED SELECT * FROM {table}").rows  # noqa: S608 - a name of ours
    told = (*plan, *query_engines.hive(settings, f"DESCRIBE FORMATTED {table}").rows)
    return {path for row in told for cell in row for path in FOLDER.findall(str(cell))}


def named(value: str) -> str:
    """The name of the day that Hive has as that value."""
    return f"day={value}" if value else WHOLE


def day_value(day: str) -> str:
    """Hive's value of the partition column for the day of that name."""
    return day.partition("=")[2]


def _end(day: str) -> int:
    """When a day ends, in microseconds since the epoch."""
    end = datetime.fromisoformat(day_value(day)).replace(tzinfo=UTC) + timedelta(days=1)
    return int(end.timestamp()) * MICROS
