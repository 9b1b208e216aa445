"""Counts of events per tumbling window and label, each event once: pure transforms of tagged batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pyspark.sql import Column, DataFrame, Row, Window
from pyspark.sql import functions as F

from spark_jobs.watermark import LONG_AGO, Read, join

SEEN = "messageid string, timestamp timestamp, source string"
"""The columns of the events that are kept for their windows and to find duplicates."""

Key = tuple[int, str]
"""A window's start in microseconds since the epoch, and a source."""


def window_start(time: Column, seconds: int) -> Column:
    """The start of the tumbling window that a time lies in; windows are aligned to the epoch."""
    return F.timestamp_seconds(F.unix_seconds(time) - F.unix_seconds(time) % seconds)


def judge(seen: DataFrame, tagged: DataFrame) -> DataFrame:
    """The events seen before and the records of a tagged batch, each with its `verdict`.

    It is `seen` for the former, and for the latter `rejected`, `late`, `stored` or `duplicate`. Of those on time with
    one messageid the first is stored, by timestamp, partition and offset, unless it was seen before.
    """
    on_time = F.col("reason").isNull() & ~F.col("late")
    records = tagged.withColumn("new", F.lit(True)).withColumn(
        "identity", F.when(on_time, F.col("messageid")).otherwise(F.concat_ws("/", "partition", "offset"))
    )
    before = seen.select("*", F.lit(False).alias("new"), F.col("messageid").alias("identity"))
    order = Window.partitionBy("identity").orderBy("new", "timestamp", "partition", "offset")
    verdict = (
        F.when(~F.col("new"), "seen")
        .when(F.col("reason").isNotNull(), "rejected")
        .when(F.col("late"), "late")
        .when(F.col("place") == 1, "stored")
        .otherwise("duplicate")
    )
    return (
        records.unionByName(before, allowMissingColumns=True)
        .withColumn("place", F.row_number().over(order))
        .withColumn("verdict", verdict)
        .drop("new", "identity", "late", "place")
    )


def summary(judged: DataFrame, window_seconds: int) -> DataFrame:
    """One row a verdict, partition, window and source, with the number of records and how far they reach."""
    return (
        judged.withColumn("window_start", F.unix_micros(window_start(F.col("timestamp"), window_seconds)))
        .groupBy("verdict", "partition", "window_start", "source")
        .agg(
            F.count("*").alias("records"),
            F.unix_micros(F.max("timestamp")).alias("newest"),
            F.unix_micros(F.min("kafka_time")).alias("first_kafka_time"),
            F.unix_micros(F.max("kafka_time")).alias("last_kafka_time"),
            F.max("offset").alias("last_offset"),
        )
    )


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

    by_verdict: Mapping[str, Counter[Key]] = field(
        default_factory=lambda: {name: Counter() for name in ("seen", "stored", "duplicate", "late", "rejected")}
    )
    reads: dict[int, Read] = field(default_factory=dict)

    @classmethod
    def of(cls, judged: DataFrame, window_seconds: int) -> Summary:
        """The summary of a judged batch; one Spark job."""
        result = cls()
        for row in summary(judged, window_seconds).collect():
            result._add(row)
        return result

    def _add(self, row: Row) -> None:
        self.by_verdict[row.verdict][row.window_start, row.source] += row.records
        if row.verdict != "seen":
            newest = LONG_AGO if row.verdict == "rejected" else row.newest
            read = Read(newest, row.first_kafka_time, row.last_kafka_time, row.last_offset + 1)
            self.reads[row.partition] = join(self.reads.get(row.partition, read), read)

    def number(self, verdict: str) -> int:
        """How many records got that verdict."""
        return self.by_verdict[verdict].total()

    def counts(self, closed: int, window_seconds: int) -> list[Count]:
        """The events of the windows that end after the closing watermark, in order of window and source."""
        stored = self.by_verdict["stored"]
        both = self.by_verdict["seen"] + stored
        ends = {start: start + window_seconds * 1_000_000 for start, _ in both}
        return [
            Count(start, ends[start], source, number, stored[start, source])
            for (start, source), number in sorted(both.items())
            if ends[start] > closed
        ]


def still_needed(judged: DataFrame, closed: int, window_seconds: int, watermark: int) -> DataFrame:
    """The events to carry on: those whose window is open, and those that a duplicate on time may still follow."""
    time = F.col("timestamp")
    is_open = F.unix_micros(window_start(time, window_seconds)) + window_seconds * 1_000_000 > closed
    return judged.where(
        F.col("verdict").isin("seen", "stored") & (is_open | (F.unix_micros(time) + watermark > closed))
    ).select("messageid", "timestamp", "source")
