"""Counts of events per tumbling window and label, each event once: pure transforms of tagged batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from spark_jobs.packs import Keys, Verdict, buckets, numbers, pack, rows, split, unpack
from spark_jobs.watermark import Read, join

SEEN = "bucket int, window_start long, records binary"
"""The columns of the packs of events that are kept for their windows and to find duplicates."""

JUDGED = pa.schema(
    {
        "verdict": pa.int8(),
        "partition": pa.int32(),
        "window_start": pa.int64(),
        "label": pa.string(),
        "number": pa.int64(),
        "newest": pa.int64(),
        "first_kafka_time": pa.int64(),
        "last_kafka_time": pa.int64(),
        "last_offset": pa.int64(),
        "bucket": pa.int32(),
        "records": pa.binary(),
    }
)
"""Rows of a judged batch. With a verdict: the number of records of a partition, window and label, and how far they
reach. With records: a window's events that were stored, packed. Times in microseconds since the epoch.
"""

Key = tuple[int, str]
"""A window's start in microseconds since the epoch, and a label."""


def judge(seen: DataFrame, tagged: DataFrame, window_seconds: int) -> DataFrame:
    """The packs of events seen before and of a tagged batch as rows of JUDGED.

    Of the records on time with one messageid the first is stored, by timestamp, partition and offset, unless it was
    seen before.
    """
    window = window_seconds * 1_000_000

    def judge_task(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        records = unpack(packed for batch in batches for packed in batch.column("records").to_pylist())
        if len(records):
            ordered, verdicts = find_duplicates(records)
            start = numbers(ordered, "time") // window * window
            yield _numbers(ordered, verdicts, start)
            yield _stored(ordered, verdicts, start)

    packs = tagged.where("records IS NOT NULL").select("bucket", "records").union(seen.select("bucket", "records"))
    return packs.repartition("bucket").mapInArrow(judge_task, from_arrow_schema(JUDGED))


def find_duplicates(records: pa.RecordBatch) -> tuple[pa.RecordBatch, NDArray[np.int8]]:
    """The records in an order that depends on nothing but themselves, and their verdicts."""
    verdicts = numbers(records, "verdict")
    # Verdicts sort as needed: first the one seen before, last those that are no candidates.
    candidate = verdicts <= Verdict.STORED
    order = np.lexsort(
        [numbers(records, name) for name in ("offset", "partition", "time", "verdict", "low", "high")] + [~candidate]
    )
    ordered, verdicts, candidate = records.take(pa.array(order)), verdicts[order], candidate[order]
    high, low = numbers(ordered, "high"), numbers(ordered, "low")
    again = np.zeros(len(order), bool)
    again[1:] = (high[1:] == high[:-1]) & (low[1:] == low[:-1]) & candidate[1:]
    return ordered, np.where(again, Verdict.DUPLICATE, verdicts).astype(np.int8)


def _numbers(records: pa.RecordBatch, verdicts: NDArray[np.int8], window_start: Keys) -> pa.RecordBatch:
    """The rows of JUDGED with a verdict."""
    keys = {"verdict": verdicts, "partition": records.column("partition"), "window_start": window_start}
    values = {name: records.column(name) for name in ("label", "time", "kafka_time", "offset")}
    wanted = [("time", "max"), ("kafka_time", "min"), ("kafka_time", "max"), ("offset", "max"), ([], "count_all")]
    grouped = pa.table(keys | values).group_by([*keys, "label"], use_threads=False).aggregate(wanted).combine_chunks()
    names = {
        "time_max": "newest",
        "kafka_time_min": "first_kafka_time",
        "kafka_time_max": "last_kafka_time",
        "offset_max": "last_offset",
        "count_all": "number",
    }
    return rows(JUDGED, {names.get(name, name): grouped.column(name).chunk(0) for name in grouped.column_names})


def _stored(records: pa.RecordBatch, verdicts: NDArray[np.int8], window_start: Keys) -> pa.RecordBatch:
    """The rows of JUDGED with records."""
    stored = verdicts <= Verdict.STORED
    seen = np.full(np.count_nonzero(stored), Verdict.SEEN, np.int8)
    kept = records.filter(stored).set_column(records.schema.get_field_index("verdict"), "verdict", pa.array(seen))
    parts = [
        {"window_start": start, "bucket": bucket, "records": pack(part)}
        for start, of_window in split(kept, window_start[stored])
        for bucket, part in split(of_window, buckets(of_window))
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


@dataclass(frozen=True)
class Summary:
    """A batch in numbers: by verdict the records of each window and source, and how far each partition was read."""

    by_verdict: Mapping[Verdict, Counter[Key]] = field(
        default_factory=lambda: {verdict: Counter() for verdict in Verdict}
    )
    reads: dict[int, Read] = field(default_factory=dict)

    @classmethod
    def of(cls, judged: DataFrame) -> Summary:
        """The summary of a judged batch; one Spark job."""
        result = cls()
        for row in judged.where("verdict IS NOT NULL").drop("bucket", "records").collect():
            result._add(row)
        return result

    def _add(self, row: Row) -> None:
        verdict = Verdict(row.verdict)
        self.by_verdict[verdict][row.window_start, row.label] += row.number
        if verdict != Verdict.SEEN:
            read = Read(row.newest, row.first_kafka_time, row.last_kafka_time, row.last_offset + 1)
            self.reads[row.partition] = join(self.reads.get(row.partition, read), read)

    def number(self, verdict: Verdict) -> int:
        """How many records got that verdict."""
        return self.by_verdict[verdict].total()

    def counts(self, closed: int, window_seconds: int) -> list[Count]:
        """The events of the windows that end after the closing watermark, in order of window and source."""
        stored = self.by_verdict[Verdict.STORED]
        both = self.by_verdict[Verdict.SEEN] + stored
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
