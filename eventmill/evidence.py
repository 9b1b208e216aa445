"""What each engine holds of the clicks line at one moment: a batch's state, and all windows that go with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from io import BytesIO
from typing import NamedTuple

import pyarrow.parquet as pq

from eventmill import batches, progress, reader, sql, webhdfs
from eventmill.line_evidence import (
    LineEvidence,
    batch_in,
    batch_of,
    newest_state,
    next_offsets,
    rejected_until,
    require_table,
    unknown_days,
    wait_for_days,
)
from eventmill.settings import Settings
from spark_jobs.packs import numbers, unpack
from spark_jobs.state import State

Key = tuple[str, str]
"""A window's start as `yyyy-MM-dd HH:mm:ss` in UTC, and a source."""

Counts = Counter[Key]
MICROS = 1_000_000
HOW = "make the line's tables with: eventmill tables clicks"
"""What is said when Hive has none of the tables."""


@dataclass(frozen=True, kw_only=True)
class Evidence(LineEvidence):
    """What is there of a line that counts by windows.

    Attributes:
        open: events in windows that are open, by the job's state.
        stored: events in closed windows, by Hive, of the state's batch and those before it.
        late: and `duplicates`: as Hive has them, likewise.
        exported: what MySQL holds of the closed windows.
        in_hive: all that Hive has of the closed windows.
        days: of closed windows on HDFS that Hive doesn't know.
    """

    open: Counts
    stored: Counts
    late: Counts
    duplicates: Counts
    exported: Counts
    in_hive: Counts
    days: tuple[str, ...]

    def processed(self) -> int:
        """How many records something became of."""
        counts = (self.stored, self.open, self.duplicates, self.late)
        return sum(each.total() for each in counts) + self.rejected_by_job


def gather(settings: Settings, line: str) -> Evidence:
    """Ask every engine. What the job does in the meantime belongs to later batches and is left out."""
    topic, state = progress.topic(settings, line), newest_state(settings, line)
    with reader.consumer(settings) as client:
        kafka = reader.bounds(client, topic)
    exported = _exported(settings)
    require_table(settings, "commerce", HOW)
    wait_for_days(settings, line, ["commerce"], batch_of(state))
    commerce = _hive(settings, "commerce", "source_number")
    faults = _hive(settings, "commerce_faults", "late", "duplicates")
    counted = [row for row in commerce if row.batch <= batch_of(state)]
    faulty = [row for row in faults if row.batch <= batch_of(state)]
    found = rejected_until(settings, line, topic, next_offsets(state))
    return Evidence(
        topic=topic,
        kafka=kafka,
        state=state,
        open=_open(settings, line, state) if state else Counter(),
        stored=_sums(counted),
        late=_sums(faulty, 0),
        duplicates=_sums(faulty, 1),
        **vars(found),
        exported=exported,
        in_hive=_sums(commerce),
        days=tuple(unknown_days(settings, line, "commerce", batch_of(state))),
    )


def _open(settings: Settings, line: str, state: State) -> Counts:
    """The events of the state whose window is still open."""
    folder = f"{batches.states(line)}/{state.batch}/rows"
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
    return sql.time(datetime.fromtimestamp(micros / MICROS, UTC))


class Row(NamedTuple):
    """A row of a table of the job: the batch that wrote it (-1 when none did), window and source, and its counts."""

    batch: int
    key: Key
    counts: tuple[int, ...]


def _hive(settings: Settings, table: str, *columns: str) -> list[Row]:
    """All rows, as any reader of the table gets them."""
    names = ", ".join(columns)
    require_table(settings, table, HOW)
    result = sql.hive(settings, f"SELECT INPUT__FILE__NAME, window_start, source, {names} FROM {table}")  # noqa: S608
    return [
        Row(batch_in(str(file)), (str(start), str(source)), tuple(int(str(count)) for count in counts))
        for file, start, source, *counts in result.rows
    ]


def _sums(rows: Iterable[Row], column: int = 0) -> Counts:
    sums: Counts = Counter()
    for row in rows:
        sums[row.key] += row.counts[column]
    return sums


def _exported(settings: Settings) -> Counts:
    rows = sql.mysql(settings, "SELECT window_start, source, source_number FROM commerce").rows
    return Counter({(str(start), str(source)): int(str(number)) for start, source, number in rows})
