"""What each engine holds of a line at one moment: the state of its job after a batch, and all that goes with it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import NamedTuple

import msgspec
import pyarrow.parquet as pq

from eventmill import batches, progress, reader, rejected, sql, webhdfs
from eventmill.settings import Settings
from spark_jobs.packs import numbers, unpack
from spark_jobs.state import State

Key = tuple[str, str]
"""A window's start as `yyyy-MM-dd HH:mm:ss` in UTC, and a source."""

Counts = Counter[Key]
MICROS = 1_000_000


class EvidenceError(RuntimeError):
    """What should be compared is not there yet; the message says how to make it."""


@dataclass(frozen=True)
class Evidence:
    """What is there of a line.

    Attributes:
        topic: what the line reads.
        kafka: the bounds of its partitions, taken after the state.
        state: of its job; None before the first batch.
        open: events in windows that are open, by the job's state.
        stored: events in closed windows, by Hive, of the state's batch and those before it.
        late: and `duplicates`: as Hive has them, likewise.
        rejected_by_job: distinct rejected records that the state's batch and those before it had read.
        rejected_at_entry: distinct records that never came to the topic, held back by NiFi or the API.
        exported: what MySQL holds of the closed windows.
        in_hive: all that Hive has of the closed windows.
        days: of closed windows on HDFS that Hive doesn't know.
        gaps: offsets that hold no record, among those that the state has counted; see `eventmill.gaps`.
        gaps_behind: such offsets behind the state.
    """

    topic: str
    kafka: dict[int, reader.Bounds]
    state: State | None
    open: Counts
    stored: Counts
    late: Counts
    duplicates: Counts
    rejected_by_job: int
    rejected_at_entry: int
    exported: Counts
    in_hive: Counts
    days: tuple[str, ...]
    gaps: int = 0
    gaps_behind: int = 0

    def removed(self) -> int:
        """How many records Kafka has taken and removed since, by age or size."""
        return sum(held.first for held in self.kafka.values())

    def limits(self) -> dict[int, reader.Bounds]:
        """The bounds in Kafka of what the state has counted."""
        done = _next_offsets(self.state)
        return {number: held._replace(end=done.get(number, 0)) for number, held in self.kafka.items()}

    def behind(self) -> dict[int, reader.Bounds]:
        """The bounds in Kafka of what the state has not counted."""
        done = _next_offsets(self.state)
        return {n: held._replace(first=max(held.first, done.get(n, 0))) for n, held in self.kafka.items()}


def gather(settings: Settings, line: str) -> Evidence:
    """Ask every engine. What the job does in the meantime belongs to later batches and is left out."""
    topic, state = progress.topic(settings, line), newest_state(settings, line)
    with reader.consumer(settings) as client:
        kafka = reader.bounds(client, topic)
    exported = _exported(settings)
    commerce = _hive(settings, "commerce", "source_number")
    faults = _hive(settings, "commerce_faults", "late", "duplicates")
    counted = [row for row in commerce if row.batch <= batch_of(state)]
    faulty = [row for row in faults if row.batch <= batch_of(state)]
    by_job, at_entry = _rejected(settings, topic, _next_offsets(state))
    return Evidence(
        topic=topic,
        kafka=kafka,
        state=state,
        open=_open(settings, line, state) if state else Counter(),
        stored=_sums(counted),
        late=_sums(faulty, 0),
        duplicates=_sums(faulty, 1),
        rejected_by_job=by_job,
        rejected_at_entry=at_entry,
        exported=exported,
        in_hive=_sums(commerce),
        days=_unknown_days(settings, line),
    )


def newest_state(settings: Settings, line: str) -> State | None:
    """The newest state of a line's job; None before its first batch."""
    batch = batches.newest(settings, line)
    if batch is None:
        return None
    return msgspec.json.decode(webhdfs.read(settings, f"{batches.states(line)}/{batch}/state.json"), type=State)


def batch_of(state: State | None) -> int:
    """The state's batch; -1 when there is none."""
    return state.batch if state else -1


def _next_offsets(state: State | None) -> dict[int, int]:
    partitions = state.progress.partitions if state else {}
    return {number: partition.next_offset for number, partition in partitions.items()}


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
    if not sql.hive(settings, f"SHOW TABLES LIKE '{table}'").rows:
        raise EvidenceError(f"Hive has no table {table} yet: run the DAG ecommerce_platform, or `make demo`")
    result = sql.hive(settings, f"SELECT INPUT__FILE__NAME, window_start, source, {names} FROM {table}")  # noqa: S608
    return [
        Row(_batch(str(file)), (str(start), str(source)), tuple(int(str(count)) for count in counts))
        for file, start, source, *counts in result.rows
    ]


def _batch(file: str) -> int:
    found = re.search(r"/batch-([0-9]+)\.parquet$", file)
    return int(found[1]) if found else -1


def _sums(rows: Iterable[Row], column: int = 0) -> Counts:
    sums: Counts = Counter()
    for row in rows:
        sums[row.key] += row.counts[column]
    return sums


def _exported(settings: Settings) -> Counts:
    rows = sql.mysql(settings, "SELECT window_start, source, source_number FROM commerce").rows
    return Counter({(str(start), str(source)): int(str(number)) for start, source, number in rows})


def _rejected(settings: Settings, topic: str, done: Mapping[int, int]) -> tuple[int, int]:
    """How many distinct records of the topic were rejected before those offsets, and how many were held back before."""
    by_job = at_entry = 0
    for record in rejected.distinct(rejected.read(settings, topic)):
        if record.origin != rejected.SPARK:
            at_entry += 1
        elif record.identity[0] == topic and int(record.identity[2]) < done.get(int(record.identity[1]), 0):
            by_job += 1
    return by_job, at_entry


def _unknown_days(settings: Settings, line: str) -> tuple[str, ...]:
    on_hdfs = {name for name in webhdfs.names(settings, f"/eventmill/{line}/commerce") if name.startswith("day=")}
    in_hive = {str(row[0]) for row in sql.hive(settings, "SHOW PARTITIONS commerce").rows}
    return tuple(sorted(on_hdfs - in_hive))
