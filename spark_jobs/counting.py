"""Counts of events per tumbling window and label, each event once: pure transforms of tagged batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spark_jobs.watermark import LONG_AGO, Read

SEEN = "messageid string, timestamp timestamp, source string"
"""The columns of the events that are kept for their windows and to find duplicates."""

Key = tuple[int, str]
"""A window's start in microseconds since the epoch, and a source."""


def window_start(time: Column, seconds: int) -> Column:
    """The start of the tumbling window that a time lies in; windows are aligned to the epoch."""
    return F.timestamp_seconds(F.unix_seconds(time) - F.unix_seconds(time) % seconds)


def summary(tagged: DataFrame, window_seconds: int) -> DataFrame:
    """One row a partition, verdict, window and source, with the number of records and how far they reach."""
    return (
        tagged.withColumn("window_start", F.unix_micros(window_start(F.col("timestamp"), window_seconds)))
        .withColumn("rejected", F.col("reason").isNotNull())
        .groupBy("partition", "rejected", "late", "window_start", "source")
        .agg(
            F.count("*").alias("records"),
            F.unix_micros(F.max("timestamp")).alias("newest"),
            F.unix_micros(F.min("kafka_time")).alias("first_kafka_time"),
            F.unix_micros(F.max("kafka_time")).alias("last_kafka_time"),
            F.max("offset").alias("last_offset"),
        )
    )


@dataclass(frozen=True)
class Summary:
    """A batch in numbers: records by window and source, and by partition how far they reach."""

    on_time: Counter[Key]
    late: Counter[Key]
    rejected: int
    reads: list[tuple[int, Read]]

    @classmethod
    def of(cls, tagged: DataFrame, window_seconds: int) -> Summary:
        """The summary of a tagged batch; one Spark job."""
        result = cls(Counter(), Counter(), 0, [])
        rejected = 0
        for row in summary(tagged, window_seconds).collect():
            newest = LONG_AGO if row.rejected else row.newest
            read = Read(newest, row.first_kafka_time, row.last_kafka_time, row.last_offset + 1)
            result.reads.append((row.partition, read))
            if row.rejected:
                rejected += row.records
            else:
                (result.late if row.late else result.on_time)[row.window_start, row.source] += row.records
        return cls(result.on_time, result.late, rejected, result.reads)


def first_seen(seen: DataFrame, tagged: DataFrame) -> DataFrame:
    """Each event once: those seen before, then the ones on time of this batch; of two with one id the first wins.

    The columns are those of SEEN and `new`, true for an event of this batch.
    """
    before = seen.select("*", F.lit(False).alias("new"), F.lit(0).alias("partition"), F.lit(0).alias("offset"))
    on_time = tagged.where(F.col("reason").isNull() & ~F.col("late")).select(
        "messageid", "timestamp", "source", F.lit(True).alias("new"), "partition", "offset"
    )
    order = Window.partitionBy("messageid").orderBy("new", "timestamp", "partition", "offset")
    return (
        before.unionByName(on_time)
        .withColumn("place", F.row_number().over(order))
        .where("place = 1")
        .select("messageid", "timestamp", "source", "new")
    )


@dataclass(frozen=True)
class Count:
    """The events of a source in a window, and how many of them are new in this batch; times in microseconds."""

    window_start: int
    window_end: int
    source: str
    number: int
    new: int


def counts(events: DataFrame, closed: int, window_seconds: int) -> DataFrame:
    """Events per window and source, for windows that end after the closing watermark `closed`."""
    return (
        events.select("source", "new", F.unix_micros(window_start(F.col("timestamp"), window_seconds)).alias("start"))
        .where(F.col("start") + window_seconds * 1_000_000 > closed)
        .groupBy("start", "source")
        .agg(F.count("*").alias("number"), F.count_if("new").alias("new"))
    )


def collect_counts(events: DataFrame, closed: int, window_seconds: int) -> list[Count]:
    """The counts, in order of window and source; one Spark job."""
    rows = counts(events, closed, window_seconds).collect()
    length = window_seconds * 1_000_000
    return sorted(
        (Count(row.start, row.start + length, row.source, row.number, row.new) for row in rows),
        key=lambda count: (count.window_start, count.source),
    )


def still_needed(events: DataFrame, closed: int, window_seconds: int, watermark: int) -> DataFrame:
    """The events to carry on: those whose window is open, and those that a duplicate on time may still follow."""
    time = F.col("timestamp")
    is_open = F.unix_micros(window_start(time, window_seconds)) + window_seconds * 1_000_000 > closed
    return events.where(is_open | (F.unix_micros(time) + watermark > closed)).select("messageid", "timestamp", "source")


def duplicates(on_time: Counter[Key], found: Iterable[Count]) -> Counter[Key]:
    """How many of the records on time are copies: those that are not among the new events."""
    return on_time - Counter({(count.window_start, count.source): count.new for count in found})
