"""Small files: those of closed days become few large ones, while the job goes on writing and readers go on reading.

A batch adds a file to each table and day that it has rows for. Of a day that is closed, all files of finished batches
are rewritten, as few files, into a folder that the day then moves to: the note of
`eventmill/lake/partition_locations.py` says first that it moves, so that the job writes what is late into both folders;
what the job had written before that is copied; at last Hive's partition is pointed to the new folder. So a query sees a
day's old files or its new ones, whenever a process dies. The old ones stay for those that had begun to read them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from uuid import uuid4

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from eventmill.config.errors import EventmillError
from eventmill.config.settings import Settings
from eventmill.databases import query_engines
from eventmill.lake import checkpoint_progress, hive_tables, partition_locations, webhdfs
from eventmill.lake.partition_locations import Location, Locations
from ops.reconciliation.snapshot import batch_in, newest_state
from spark_jobs.state.lock import PipelineLock

FOLDER = "compacted"
REWRITTEN = "_rewritten.json"
"""The file in a day's new folder that names the old files whose rows it has; Hive leaves it aside."""

ROW_GROUP = 64 * 2**20
"""Bytes of rows in memory that become a row group."""


class CompactionError(EventmillError):
    """A table cannot be compacted, or is not what it was; the message says why."""


class Size(NamedTuple):
    """Files and their bytes."""

    files: int
    bytes: int


class Scan(NamedTuple):
    """Result of a query through Presto that reads all of some days: rows, checksums, and seconds."""

    rows: int
    sums: tuple[str, ...]
    seconds: float


class Compacted(NamedTuple):
    """Result of compacting a table's days: files and bytes, before and after."""

    table: str
    days: int
    before: Size
    after: Size
    scan_before: Scan
    scan_after: Scan


def compact_pipeline(
    settings: Settings, pipeline: str, on_day: Callable[[str, str], None] = lambda *_: None
) -> list[Compacted]:
    """Compact the closed days of a pipeline's tables that have more than one file of finished batches.

    Makes the tables where they are missing, goes on with what an earlier run has left unfinished, and removes what days
    have left longer ago than COMPACTION_KEEP_SECONDS.

    Args:
        on_day: is told each table and day before it is rewritten.

    Raises:
        CompactionError: when another process compacts the pipeline, or the rows differ after it.
        hive_tables.TablesError: when no pipeline of that name has tables.
        requests.RequestException: when HDFS is away.
        query_engines.SqlError: when Hive or Presto refuses.
    """
    hive_tables.script(pipeline)
    lock = PipelineLock(settings, f"{pipeline}-compaction")
    if not lock.take("compaction"):
        raise CompactionError(f"{pipeline} is being compacted ({lock.owner()})")
    try:
        return list(_Pipeline(settings, pipeline, on_day).compact())
    finally:
        lock.release()


class _Pipeline:
    """The tables of a pipeline that nobody else compacts."""

    def __init__(self, settings: Settings, pipeline: str, on_day: Callable[[str, str], None]) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._on_day = on_day
        self._places = partition_locations.read_locations(settings, pipeline)
        # Batches up to this one are never done again.
        self._finished = checkpoint_progress.newest_commit(settings, pipeline)
        state = newest_state(settings, pipeline)
        closed = max(0, state.progress.closed) if state else 0
        self._open_day = f"day={datetime.fromtimestamp(closed / 1_000_000, UTC):%Y-%m-%d}"

    def compact(self) -> Iterator[Compacted]:
        if self._finished is None:
            return
        names = hive_tables.apply_hive_tables(self._settings, self._pipeline)
        for moving in list(self._places.moving()):
            self._settle(*moving)
        self._remove_left()
        for table in names:
            todo = {day: place for day, place in self._closed(table) if len(self._small(place)) > 1}
            if todo:
                yield self._compact(table, todo)

    def _compact(self, table: str, todo: Mapping[str, Location]) -> Compacted:
        days = sorted(day.removeprefix("day=") for day in todo)
        before, scanned = self._size(table, todo), scan(self._settings, table, days)
        for day in todo:
            self._on_day(table, day)
            self._move(table, day)
        after, scanned_after = self._size(table, todo), scan(self._settings, table, days)
        if scanned_after.rows == scanned.rows and scanned_after.sums != scanned.sums:
            raise CompactionError(f"{table} has other values than before in {', '.join(days)}")
        if scanned_after.rows < scanned.rows:
            raise CompactionError(
                f"{table} has {scanned_after.rows} rows, not {scanned.rows} as before, in {', '.join(days)}"
            )
        return Compacted(table, len(todo), before, after, scanned, scanned_after)

    def _closed(self, table: str) -> Iterator[tuple[str, Location]]:
        """The days that end before the pipeline's watermark, each with its place."""
        for day in partition_locations.days(self._settings, self._pipeline, table):
            if day < self._open_day:
                yield day, self._places.place(table, day)

    def _small(self, place: Location) -> list[str]:
        """The names of a day's files that finished batches made."""
        return [name for name in self._files(place.folder) if _batch(name) >= 0 and self._is_finished(name)]

    def _is_finished(self, name: str) -> bool:
        assert self._finished is not None
        return _batch(name) <= self._finished

    def _move(self, table: str, day: str) -> None:
        """Let a day move to a folder that has its files as few large ones."""
        old = self._places.place(table, day).folder
        place = Location(old, f"{FOLDER}/{table}/{day}/{uuid4().hex[:8]}")
        # The note first, the listing second: a file that the job published before it read the note is in the listing,
        # one published after it goes into both folders. The other way round, one in between would be in neither.
        self._note(self._places.set(table, day, place))
        # Those of an earlier compaction too, which no batch made. What a running batch may write again is left out: its
        # replay replaces files by their names, which rewritten rows no longer have.
        self._rewrite(place, sorted((name for name in self._files(old) if self._is_finished(name)), key=_batch))
        self._finish(table, day, place)

    def _settle(self, table: str, day: str, place: Location) -> None:
        """Finish what was left in the middle, or give it up when not all was rewritten."""
        if webhdfs.exists(self._settings, self._path(f"{place.next}/{REWRITTEN}")):
            self._finish(table, day, place)
        else:
            self._note(self._places.set(table, day, Location(place.folder)))
            webhdfs.delete(self._settings, self._path(str(place.next)))

    def _rewrite(self, place: Location, names: Sequence[str]) -> None:
        """Write the rows of a day's files into large files in its next folder."""
        contents = (webhdfs.read(self._settings, self._path(f"{place.folder}/{name}")) for name in names)
        target = self._settings.compaction_target_mb * 2**20
        with TemporaryDirectory() as aside:
            for number, file in enumerate(rewrite(contents, Path(aside), target)):
                webhdfs.bring(self._settings, file, self._path(f"{place.next}/compacted-{number:05d}.parquet"))
                file.unlink()
        webhdfs.write(self._settings, msgspec.json.encode(names), self._path(f"{place.next}/{REWRITTEN}"))

    def _finish(self, table: str, day: str, place: Location) -> None:
        """Bring what was not rewritten, point Hive to the next folder, and note that the day is there."""
        assert place.next
        # Each step may be the last and is done again by the next run: files are brought under their own names, Hive is
        # pointed to the same folder, and only then does the note say that the day is there and the old folder may go.
        rewritten = webhdfs.read_json(self._settings, self._path(f"{place.next}/{REWRITTEN}"))
        for name in set(self._files(place.folder)) - {*rewritten, *self._files(place.next)}:
            # The job may bring it first.
            with suppress(webhdfs.HdfsError):
                self._copy(f"{place.folder}/{name}", f"{place.next}/{name}")
        query_engines.hive(self._settings, hive_tables.move_day(self._settings, self._pipeline, table, day, place.next))
        moved = self._places.set(table, day, Location(place.next))
        self._note(msgspec.structs.replace(moved, left=self._places.left | {place.folder: time.time()}))

    def _copy(self, source: str, target: str) -> None:
        with TemporaryDirectory() as aside:
            file = Path(aside) / "file"
            file.write_bytes(webhdfs.read(self._settings, self._path(source)))
            webhdfs.bring(self._settings, file, self._path(target))

    def _remove_left(self) -> None:
        """Remove the folders that days left long ago."""
        until = time.time() - self._settings.compaction_keep_seconds
        for folder in [folder for folder, moment in self._places.left.items() if moment <= until]:
            webhdfs.delete(self._settings, self._path(folder))
            left = {name: moment for name, moment in self._places.left.items() if name != folder}
            self._note(msgspec.structs.replace(self._places, left=left))

    def _note(self, changed: Locations) -> None:
        webhdfs.write(self._settings, partition_locations.encode_note(changed), self._path(partition_locations.NOTE))
        self._places = changed

    def _files(self, folder: str) -> list[str]:
        return [entry.name for entry in self._entries(folder)]

    def _entries(self, folder: str) -> list[webhdfs.FileStatus]:
        return [entry for entry in webhdfs.entries(self._settings, self._path(folder)) if not entry.is_hidden]

    def _size(self, table: str, days: Mapping[str, Location]) -> Size:
        found = [entry for day in days for entry in self._entries(self._places.place(table, day).folder)]
        return Size(len(found), sum(entry.size for entry in found))

    def _path(self, folder: str) -> str:
        return partition_locations.path(self._pipeline, folder)


def rewrite(contents: Iterator[bytes], folder: Path, target: int) -> Iterator[Path]:
    """The rows of Parquet files, in their order, as files of about `target` bytes; times are INT96.

    A file with other columns than the one before it begins a new one.
    """
    groups = _groups(contents)
    rows = next(groups, None)
    for number in count():
        if rows is None:
            return
        file, schema = folder / f"{number}.parquet", rows.schema
        options = {"use_deprecated_int96_timestamps": True, "store_schema": False}
        with pq.ParquetWriter(file, schema, version="1.0", **options) as writer:
            while rows is not None and rows.schema == schema and file.stat().st_size < target:
                writer.write_table(rows)
                rows = next(groups, None)
        yield file


def _groups(contents: Iterator[bytes]) -> Iterator[pa.Table]:
    """The rows of Parquet files, joined to row groups."""
    held: list[pa.Table] = []
    for content in contents:
        rows = pq.read_table(pa.BufferReader(content), coerce_int96_timestamp_unit="us").replace_schema_metadata()
        if held and (rows.schema != held[0].schema or sum(each.nbytes for each in held) >= ROW_GROUP):
            yield pa.concat_tables(held).combine_chunks()
            held = []
        held.append(rows)
    if held:
        yield pa.concat_tables(held).combine_chunks()


def scan(settings: Settings, table: str, days: Sequence[str]) -> Scan:
    """Read all of a table's days through Presto."""
    columns = [str(row[0]) for row in query_engines.presto(settings, f"SHOW COLUMNS FROM {table}").rows]
    sums = ", ".join(f'TO_HEX(CHECKSUM("{column}"))' for column in columns)
    wanted = ", ".join(f"'{day}'" for day in days)
    begun = time.monotonic()
    statement = f'SELECT COUNT(*), {sums} FROM {table} WHERE "day" IN ({wanted})'  # noqa: S608 - names of our own
    [(rows, *found)] = query_engines.presto(settings, statement).rows
    return Scan(int(str(rows)), tuple(map(str, found)), time.monotonic() - begun)


def _batch(name: str) -> int:
    return batch_in(f"/{name}")
