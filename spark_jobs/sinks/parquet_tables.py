"""Parquet tables on HDFS that every reader sees exactly once: files named by batch, written aside and renamed.

What a batch adds to them are few rows, so the driver writes them itself.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby

import pyarrow as pa
import pyarrow.parquet as pq

from eventmill.lake.hadoop_files import Files
from spark_jobs.sinks.file_commit import commit_files, remove_others

TIME = pa.timestamp("us", "UTC")
TableRow = dict[str, object]


class BatchTable:
    """A table of at most one file a batch and, when it's partitioned by day, a day."""

    def __init__(self, files: Files, name: str, schema: pa.Schema, day_of: str | None = None) -> None:
        """A table of that schema; `day_of` names the time whose day is its partition."""
        self._files = files
        self._name = name
        self._schema = schema
        self._day_of = day_of

    def publish(self, rows: Iterable[TableRow], batch: int, aside: str) -> list[str]:
        """Write the rows of a batch in place of those that it may have written before; returns the files' names."""
        written = {}
        for folder, part in groupby(sorted(rows, key=self._folder), key=self._folder):
            name = f"{folder}{_file(batch)}"
            written[name] = f"{aside}/{self._name}/{name}"
            self._files.write(written[name], parquet(part, self._schema))
        commit_files(self._files, self._name, written)
        return list(written)

    def remove_others(self, batch: int, published: Sequence[str]) -> None:
        """Remove what an earlier try of the batch published and this one did not: settings may have changed since."""
        pattern = f"day=*/{_file(batch)}" if self._day_of else _file(batch)
        remove_others(self._files, self._name, pattern, published)

    def _folder(self, row: TableRow) -> str:
        return f"day={row[self._day_of]:%Y-%m-%d}/" if self._day_of else ""


def batch_name(batch: int) -> str:
    """Prefix of the names of the files that a batch makes."""
    return f"batch-{batch:010d}"


def _file(batch: int) -> str:
    return f"{batch_name(batch)}.parquet"


def parquet(rows: Iterable[TableRow], schema: pa.Schema) -> bytes:
    """The rows as a Parquet file whose times are INT96: Hive 4, HCatalog 3.1 and Presto agree on no other type."""
    buffer = io.BytesIO()
    table = pa.Table.from_pylist(list(rows), schema)
    pq.write_table(table, buffer, version="1.0", use_deprecated_int96_timestamps=True, store_schema=False)
    return buffer.getvalue()


def utc_time(micros: int) -> datetime:
    """Microseconds since the epoch as a time in UTC."""
    return datetime.fromtimestamp(micros / 1_000_000, UTC)


def utc(micros: int) -> str:
    """Microseconds since the epoch as MySQL reads a time in UTC."""
    return f"{utc_time(micros):%Y-%m-%d %H:%M:%S.%f}"
