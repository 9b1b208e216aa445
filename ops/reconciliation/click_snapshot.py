"""Snapshot of the clicks pipeline: a batch's state, and all its windows in each engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from io import BytesIO
from typing import NamedTuple

import pyarrow.parquet as pq
from msgspec.structs import replace

from eventmill.config.settings import Settings
from eventmill.databases import query_engines
from eventmill.lake import committed_batches, webhdfs
from ops.reconciliation import mysql_export, snapshot, table_days
from ops.reconciliation.last_check import NOT_NOTED, Cell, Found
from ops.reconciliation.snapshot import (
    MICROS,
    Snapshot,
    batch_in,
    next_offsets,
    rejected_until,
    require_table,
    unknown_days,
    wait_for_days,
)
from ops.reconciliation.table_days import TableDays
from spark_jobs.processing.packed_records import numbers, unpack
from spark_jobs.state.state_store import State

Key = tuple[str, str]
"""A window's start as `yyyy-MM-dd HH:mm:ss` in UTC, and a source."""

Counts = Counter[Key]
HOW = "make the pipeline's tables with: eventmill tables clicks"
"""Hint for when Hive has none of the tables."""


@dataclass(frozen=True, kw_only=True)
class ClickSnapshot(Snapshot):
    """Snapshot of a pipeline that counts by windows.

    Attributes:
        open: events in windows that are open, by the job's state.
        stored: events in closed windows, by Hive, of the state's batch and those before it.
        late: and `duplicates`: as Hive has them, likewise.
        exported: what MySQL holds of the closed windows.
        in_hive: all that Hive has of the closed windows.
        unknown: days of closed windows on HDFS that Hive doesn't know.
    """

    open: Counts
    stored: Counts
    late: Counts
    duplicates: Counts
    exported: Counts
    in_hive: Counts
    unknown: tuple[str, ...]

    def processed(self) -> int:
        """Number of records that are accounted for."""
        counts = (self.stored, self.open, self.duplicates, self.late)
        return sum(each.total() for each in counts) + self.rejected_by_job


def take_click_snapshot(settings: Settings, pipeline: str, noted: Found = NOT_NOTED) -> ClickSnapshot:
    """Ask every engine. What the job does in the meantime belongs to later batches and is left out.

    What `noted` has of days that are as they were then is taken from there.
    """
    begun = snapshot.begin(settings, pipeline, noted)
    state, before, batch = begun.state, begun.before, begun.after.batch
    exported, digests = mysql_export.read_exported(settings, before)
    require_table(settings, "commerce", HOW)
    wait_for_days(settings, pipeline, ["commerce"], batch)
    require_table(settings, "commerce_faults", HOW)
    days = table_days.days_of_table(settings, pipeline, "commerce", before)
    whole = table_days.whole_table(settings, pipeline, "commerce_faults", "faults", before, batch)
    commerce, faults = _hive(settings, days, "source_number"), _hive(settings, whole, "late", "duplicates")
    found = rejected_until(settings, pipeline, begun.topic, next_offsets(state))
    stored, faulty = _until(batch, commerce), _until(batch, faults)
    to_note = {
        "commerce": days.note(_cells(commerce, batch), begun.after),
        "commerce_faults": whole.note(_cells(faults, batch), begun.after),
    }
    after = replace(begun.after, days=to_note, exported=mysql_export.whole(exported, digests, to_note["commerce"]))
    return ClickSnapshot(
        **vars(begun) | {"after": after},
        open=_open(settings, pipeline, state) if state else Counter(),
        stored=_sums(stored),
        late=_sums(faulty, 0),
        duplicates=_sums(faulty, 1),
        **vars(found),
        exported=exported,
        in_hive=_sums(_until(None, commerce)),
        unknown=tuple(unknown_days(settings, pipeline, "commerce", batch)),
        days=len(days.there) + len(whole.there),
        taken=len(days.taken) + len(whole.taken),
    )


def _open(settings: Settings, pipeline: str, state: State) -> Counts:
    """The events of the state whose window is still open."""
    folder = f"{committed_batches.states(pipeline)}/{state.batch}/rows"
    files = [name for name in webhdfs.names(settings, folder) if name.endswith(".parquet")]
    return sum((_open_in(webhdfs.read(settings, f"{folder}/{name}"), state) for name in files), Counter())


def _open_in(parquet: bytes, state: State) -> Counts:
    records = unpack(pq.read_table(BytesIO(parquet))["records"].to_pylist())
    assert state.window_seconds is not None
    length = state.window_seconds * MICROS
    starts = numbers(records, "time") // length * length
    pairs = Counter(zip(starts.tolist(), records.column("label").to_pylist(), strict=True))
    return Counter(
        {
            (window_text(start), source): number
            for (start, source), number in pairs.items()
            if start + length > state.progress.closed
        }
    )


@lru_cache(4096)
def window_text(micros: int) -> str:
    """A window's start in microseconds since the epoch as the text of a key."""
    return query_engines.time_text(datetime.fromtimestamp(micros / MICROS, UTC))


class Row(NamedTuple):
    """A row of a table of the job: the batch that wrote it (-1 when none did), window and source, and its counts."""

    batch: int
    key: Key
    counts: tuple[int, ...]


def _hive(settings: Settings, days: TableDays, *columns: str) -> dict[str, list[Row]]:
    """All rows by day, as any reader of the table gets them, or as they were noted, with those of the newer files."""
    found = {day: [Row(-1, *_row(cells)) for cells in rows] for day, rows in days.rows.items()}
    if days.is_asked:
        names = ", ".join(["window_start", "source", *columns])
        day = "''" if table_days.WHOLE in days.known else "`day`"
        statement = f"SELECT INPUT__FILE__NAME, {day}, {names} FROM {days.table}{days.condition()}"  # noqa: S608
        for file, value, *cells in query_engines.hive(settings, statement).rows:
            found.setdefault(table_days.named(str(value)), []).append(Row(batch_in(str(file)), *_row(cells)))
    elif days.newer:
        found[table_days.WHOLE].extend(_newer(settings, days.newer, columns))
    return found


def _newer(settings: Settings, files: Sequence[str], columns: Sequence[str]) -> Iterator[Row]:
    """The rows of files on HDFS. Hive would read all that the table has."""
    with ThreadPoolExecutor(table_days.AT_ONCE) as pool:
        for file, content in zip(files, pool.map(partial(webhdfs.read, settings), files), strict=True):
            rows = pq.read_table(BytesIO(content), coerce_int96_timestamp_unit="us")
            for cells in zip(*(rows[name].to_pylist() for name in ("window_start", "source", *columns)), strict=True):
                yield Row(batch_in(file), *_row([query_engines.normalized(cell) for cell in cells]))


def _row(cells: Sequence[query_engines.Value]) -> tuple[Key, tuple[int, ...]]:
    start, source, *counts = cells
    return (str(start), str(source)), tuple(int(str(count)) for count in counts)


def _cells(rows: Mapping[str, Sequence[Row]], batch: int) -> dict[str, list[tuple[Cell, ...]]]:
    """The rows by day as they are noted, one a window and source, of that batch and those before it."""
    return {
        day: [(*key, *counts) for key, counts in _added(row for row in each if row.batch <= batch).items()]
        for day, each in rows.items()
    }


def _added(rows: Iterable[Row]) -> dict[Key, tuple[int, ...]]:
    sums: dict[Key, tuple[int, ...]] = {}
    for row in rows:
        before = sums.get(row.key, (0,) * len(row.counts))
        sums[row.key] = tuple(map(sum, zip(before, row.counts, strict=True)))
    return sums


def _until(batch: int | None, rows: Mapping[str, Iterable[Row]]) -> list[Row]:
    """The rows of all days from that batch and those before it; all there are without one."""
    return [row for each in rows.values() for row in each if batch is None or row.batch <= batch]


def _sums(rows: Iterable[Row], column: int = 0) -> Counts:
    sums: Counts = Counter()
    for row in rows:
        sums[row.key] += row.counts[column]
    return sums
