"""Parquet tables on HDFS that every reader sees exactly once: files named by batch, written aside and renamed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from spark_jobs.hadoop import Files

TIME = pa.timestamp("us", "UTC")


class BatchTable:
    """A table of one file a batch and, when it's partitioned by day, a day."""

    def __init__(self, files: Files, name: str, *, by_day: bool) -> None:
        self._files = files
        self._name = name
        self._by_day = by_day

    def publish(self, rows: DataFrame, batch: int, aside: str) -> list[str]:
        """Write the rows of a batch in place of those that it may have written before; returns the files' paths."""
        folder = f"{aside}/{self._name}"
        writer = rows.coalesce(1).write.mode("overwrite")
        (writer.partitionBy("day") if self._by_day else writer).parquet(self._files.url(folder))
        published = []
        for path in self._files.glob(f"{folder}/{self._pattern('part-*.parquet')}"):
            target = f"{self._name}{path.removeprefix(folder).rpartition('/')[0]}/{_file(batch)}"
            self._files.replace(path, target)
            published.append(target)
        return published

    def remove_others(self, batch: int, published: Sequence[str]) -> None:
        """Remove what an earlier try of the batch published and this one did not: settings may have changed since."""
        for path in self._files.glob(f"{self._name}/{self._pattern(_file(batch))}"):
            if path not in published:
                self._files.delete(path)

    def _pattern(self, name: str) -> str:
        return f"day=*/{name}" if self._by_day else name


def _file(batch: int) -> str:
    return f"batch-{batch:010d}.parquet"


def time(micros: int) -> datetime:
    """Microseconds since the epoch as a time in UTC."""
    return datetime.fromtimestamp(micros / 1_000_000, UTC)


def frame(spark: SparkSession, rows: Sequence[dict[str, object]], schema: pa.Schema) -> DataFrame:
    """Few rows as a DataFrame."""
    return spark.createDataFrame(pa.Table.from_pylist(list(rows), schema))
