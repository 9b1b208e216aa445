"""Parquet tables of single events, each event once for every reader.

In a pipeline without windows every record that keeps the contract and is no duplicate is stored, however late it comes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from eventmill.contracts.events import Event
from eventmill.lake.hadoop_files import Files
from spark_jobs.processing.deduplication import PACKS, TALLY, BatchSummary, as_seen, by_bucket, find_duplicates, tally
from spark_jobs.processing.lateness import TAGGED_ROWS, Rule, records_schema, tagger
from spark_jobs.processing.micro_batch import JudgedBatch, MicroBatch, Reject
from spark_jobs.processing.packed_records import RECORDS, Outcome, buckets, numbers, pack, rows, split, unpack
from spark_jobs.processing.refusals import Refusals
from spark_jobs.sinks.file_commit import commit_files, remove_others
from spark_jobs.sinks.parquet_tables import batch_name
from spark_jobs.source.kafka_stream import map_records
from spark_jobs.state.state_store import StateSchema, StateStore
from spark_jobs.state.watermark import Pace, Progress

IDENTITIES = StateSchema(1, "bucket int, records binary")
"""The packs of events whose duplicates are still looked for."""

ROWS_PER_FILE = 500_000
"""One file holds what a batch adds to a table and a day, unless that is more."""


@dataclass(frozen=True)
class EventTable:
    """A table of events, partitioned by the day of their time.

    Attributes:
        name: its folder.
        columns: the paths of the contract's fields that follow `raw_event` and `timestamp`.
        labels: the events it has, by the field that they are labelled by; None for all.
        outcome: the events it has, by what became of them.
    """

    name: str
    columns: Sequence[str]
    labels: frozenset[str] | None = None
    outcome: Outcome = Outcome.STORED

    def number(self, summary: BatchSummary) -> int:
        """Number of rows a batch adds."""
        counts = summary.by_outcome[self.outcome].items()
        return sum(number for (_, label), number in counts if self.labels is None or label in self.labels)

    def rows(self, judged: DataFrame) -> DataFrame:
        """Rows that a judged batch adds."""
        wanted = F.col("value").isNotNull() & (F.col("outcome") == self.outcome)
        if self.labels is not None:
            wanted &= F.col("label").isin(sorted(self.labels))
        return judged.where(wanted).select(
            F.col("value").cast("string").alias("raw_event"),
            F.col("time").alias("timestamp"),
            *(F.col(f"event.`{path}`").alias(path) for path in self.columns),
            F.date_format("time", "yyyy-MM-dd").alias("day"),
        )


@dataclass(frozen=True)
class EventSource:
    """The events of a pipeline: their contract, the path of the field that they are labelled by, and when one is late.

    An event is late when the window of so many seconds that it falls in is closed; none is without windows.
    """

    contract: type[Event]
    label: str
    window_seconds: int | None = None


class EventTables(MicroBatch):
    """Stores each event of a pipeline in those of its tables that want it."""

    layout = IDENTITIES

    def __init__(
        self,
        files: Files,
        source: EventSource,
        tables: Sequence[EventTable],
        pace: Pace,
        reject: Reject,
        keep: Sequence[str] = (),
    ) -> None:
        """`keep` are paths of fields that stay with the events though no table has them."""
        super().__init__(files, StateStore(files, self.layout, source.window_seconds), pace, reject)
        self._source = source
        self._tables = tables
        self._keep = sorted({path for table in tables for path in table.columns}.union(keep))

    def _tagged(self, batch: DataFrame, before: Progress, refusals: Refusals) -> DataFrame:
        tag = tagger(self._source.contract, self._source.label, self._rule(before), self._keep, refusals)
        return map_records(batch, tag, TAGGED_ROWS)

    def _rule(self, before: Progress) -> Rule | None:
        if self._source.window_seconds is None:
            return None
        return Rule.of(self._source.window_seconds * 1_000_000, self._pace, before)

    def _judged(self, seen: DataFrame, tagged: DataFrame, before: Progress) -> DataFrame:
        schema = records_schema(self._source.contract, self._keep)
        return judge(seen, tagged, schema, Horizon(before.closed, self._pace.watermark), self._pace.ahead)

    def _publish(self, judged_batch: JudgedBatch) -> None:
        for table in self._tables:
            number = table.number(judged_batch.summary)
            written = self._write(table, judged_batch.judged, number) if number else []
            names = file_names(written, judged_batch.after.batch)
            if self._may_be_replay:
                # Before this one's rows can stand beside them.
                pattern = f"day=*/{batch_name(judged_batch.after.batch)}-*.parquet"
                remove_others(self._files, table.name, pattern, names)
            commit_files(self._files, table.name, dict(zip(names, written, strict=True)))

    def _write(self, table: EventTable, judged: DataFrame, number: int) -> Sequence[str]:
        """Let Spark write a table's new rows aside; returns the files' paths."""
        folder = f"{self._aside}/{table.name}"
        files = math.ceil(number / ROWS_PER_FILE)
        writer = table.rows(judged).coalesce(files).write.partitionBy("day").option("compression", "snappy")
        writer.mode("overwrite").parquet(self._files.url(folder))
        return self._files.glob(f"{folder}/day=*/*.parquet")

    def _needed(self, judged: DataFrame, after: Progress) -> DataFrame:  # noqa: ARG002
        return judged.where("records IS NOT NULL").select("bucket", "records")


def file_names(written: Sequence[str], batch: int) -> list[str]:
    """The names below a table's folder of files that Spark wrote: their day, and a number that starts at 0 each day."""
    days = [path.split("/")[-2] for path in written]
    numbered = [days[:index].count(day) for index, day in enumerate(days)]
    return [f"{day}/{batch_name(batch)}-part-{n:05d}.parquet" for day, n in zip(days, numbered, strict=True)]


@dataclass(frozen=True)
class Horizon:
    """Time for which an event's identity is remembered, in microseconds.

    Until the closing watermark has passed the event's time by `watermark`; the time of one that comes after the
    watermark has passed it is taken to be where the watermark is, so that what is sent twice late counts once too.
    """

    closed: int
    watermark: int

    def remembered(self, seen: pa.RecordBatch) -> pa.RecordBatch:
        """Events of earlier batches whose duplicates still count as such."""
        return seen.filter(pa.array(numbers(seen, "time") + self.watermark > self.closed))

    def from_now(self, stored: pa.RecordBatch) -> pa.RecordBatch:
        """Stored events of this batch or an earlier one, with the time from which on they are remembered."""
        time = numbers(stored, "time")
        new = numbers(stored, "outcome") == Outcome.STORED
        since = np.where(new, np.maximum(time, self.closed), time)
        return stored.set_column(stored.schema.get_field_index("time"), "time", pa.array(since))


def judge(seen: DataFrame, tagged: DataFrame, schema: pa.Schema, horizon: Horizon, ahead: int) -> DataFrame:
    """The packs of identities seen before and those of a tagged batch, of that schema, as rows of `judged_schema`.

    Of the records with one messageid the first by timestamp, partition and offset is stored, unless it was seen before.
    `ahead` is that of the pace.
    """
    result = judged_schema(schema)

    def judge_task(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        packs = [pair for batch in batches for pair in zip(*(c.to_pylist() for c in batch.columns), strict=True)]
        old = horizon.remembered(unpack(records for records, is_seen in packs if is_seen))
        new = unpack((records for records, is_seen in packs if not is_seen), schema)
        records = pa.concat_batches([rows(schema, dict(zip(old.schema.names, old.columns, strict=True))), new])
        if len(records):
            ordered, outcomes = find_duplicates(records)
            # A pipeline without windows is as one with a window that never ends.
            yield tally(result, ordered, outcomes, np.zeros(len(ordered), np.int64), ahead)
            yield _identities(result, horizon.from_now(ordered.filter(outcomes <= Outcome.STORED)))
            yield _events(result, ordered, outcomes)

    packs = tagged.where("records IS NOT NULL").select("bucket", "records", F.lit(False).alias("seen"))
    before = seen.where("records IS NOT NULL").select("bucket", "records", F.lit(True))
    both = by_bucket(packs.union(before))
    return both.select("records", "seen").mapInArrow(judge_task, from_arrow_schema(result))


def judged_schema(schema: pa.Schema) -> pa.Schema:
    """A judged batch's rows: those of TALLY, packs of what was stored, and the new events that keep the contract."""
    event = [
        schema.field("offset"),
        pa.field("time", pa.timestamp("us", "UTC")),
        *map(schema.field, ("value", "event")),
    ]
    return pa.schema([*TALLY, *PACKS, *event])


def _identities(schema: pa.Schema, stored: pa.RecordBatch) -> pa.RecordBatch:
    """The rows with packs."""
    parts = list(split(as_seen(stored.select(RECORDS.names)), buckets(stored)))
    return rows(schema, {"bucket": [key for key, _ in parts], "records": [pack(part) for _, part in parts]})


def _events(schema: pa.Schema, records: pa.RecordBatch, outcomes: NDArray[np.int8]) -> pa.RecordBatch:
    """The rows with events."""
    new = (outcomes != Outcome.SEEN) & (outcomes != Outcome.REJECTED)
    events = records.filter(pa.array(new))
    columns = {name: events.column(name) for name in ("partition", "offset", "label", "value", "event")}
    time = events.column("time").cast(schema.field("time").type)
    return rows(schema, columns | {"outcome": outcomes[new], "time": time})
