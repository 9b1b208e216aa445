"""Counts of events per tumbling window and label, each event once: pure transforms of tagged batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from spark_jobs.processing.deduplication import PACKS, TALLY, BatchSummary, as_seen, by_bucket, find_duplicates, tally
from spark_jobs.processing.packed_records import BUCKETS, Keys, Outcome, buckets, numbers, pack, split, unpack
from spark_jobs.state.state_store import StateSchema

SEEN = StateSchema(2, "bucket int, window_start long, records binary")
"""The packs of events that are kept for their windows and to find duplicates; 1 had one row for each event."""

JUDGED = pa.schema([*TALLY, *PACKS])
"""Rows of a judged batch: those of TALLY, and, with records, a window's events that were stored, packed."""


def judge(seen: DataFrame, tagged: DataFrame, window_seconds: int, ahead: int) -> DataFrame:
    """The packs of events seen before and of a tagged batch as rows of JUDGED.

    Of the records on time with one messageid the first is stored, by timestamp, partition and offset, unless it was
    seen before. `ahead` is that of the pace.
    """
    window = window_seconds * 1_000_000

    def judge_task(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        records = unpack(packed for batch in batches for packed in batch.column("records").to_pylist())
        if len(records):
            ordered, outcomes = find_duplicates(records)
            start = numbers(ordered, "time") // window * window
            yield tally(JUDGED, ordered, outcomes, start, ahead)
            yield _stored(ordered, outcomes, start)

    packs = tagged.where("records IS NOT NULL").select("bucket", "records").union(seen.select("bucket", "records"))
    return by_bucket(packs).mapInArrow(judge_task, from_arrow_schema(JUDGED))


def _stored(records: pa.RecordBatch, outcomes: NDArray[np.int8], window_start: Keys) -> pa.RecordBatch:
    """The rows of JUDGED with records."""
    kept = outcomes <= Outcome.STORED
    stored = as_seen(records.filter(kept))
    parts = [
        {"window_start": key // BUCKETS, "bucket": key % BUCKETS, "records": pack(part)}
        for key, part in split(stored, window_start[kept] * BUCKETS + buckets(stored))
    ]
    return pa.RecordBatch.from_pylist(parts, JUDGED)


@dataclass(frozen=True)
class Count:
    """The events of a source in a window, and how many of them are new in this batch; times in microseconds."""

    window_start: int
    window_end: int
    source: str
    number: int
    new: int


def open_counts(summary: BatchSummary, closed: int, window_seconds: int) -> list[Count]:
    """The events of the windows that end after the closing watermark, in order of window and source."""
    stored = summary.by_outcome[Outcome.STORED]
    both = summary.by_outcome[Outcome.SEEN] + stored
    ends = {start: start + window_seconds * 1_000_000 for start, _ in both}
    return [
        Count(start, ends[start], source, number, stored[start, source])
        for (start, source), number in sorted(both.items())
        if ends[start] > closed
    ]


def still_needed(judged: DataFrame, closed: int, window_seconds: int, watermark: int) -> DataFrame:
    """The packs to carry on: of windows that are open, and of those with events that a duplicate may still follow."""
    end = F.col("window_start") + window_seconds * 1_000_000
    return judged.where(F.col("records").isNotNull() & (end + watermark > closed)).select(
        "bucket", "window_start", "records"
    )
