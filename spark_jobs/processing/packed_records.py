"""Arrow record batches stored as binary cells: Spark shuffles and keeps a few rows instead of one a record.

A pack is an Arrow record batch of the columns RECORDS. Records of one identity are in packs of one bucket.
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

BUCKETS = 32
"""Into how many buckets identities are divided, and so how many tasks can look for duplicates side by side."""

RECORDS = pa.schema(
    {
        "high": pa.uint64(),
        "low": pa.uint64(),
        "time": pa.int64(),
        "label": pa.string(),
        "partition": pa.int32(),
        "offset": pa.int64(),
        "kafka_time": pa.int64(),
        "outcome": pa.int8(),
    }
)
"""Columns of a record: the halves of its identity, its event's time, the label it is counted by, its place in
Kafka and since when, and its outcome so far. Times in microseconds since the epoch.
"""


class Outcome(IntEnum):
    """Outcome of a record; SEEN are those of earlier batches that were stored then."""

    SEEN = 0
    STORED = 1
    DUPLICATE = 2
    LATE = 3
    REJECTED = 4


Keys = NDArray[np.int64]


def pack(records: pa.RecordBatch) -> bytes:
    """The records as one byte string."""
    return records.serialize().to_pybytes()  # type: ignore[no-any-return]


def unpack(packs: Iterable[bytes], schema: pa.Schema = RECORDS) -> pa.RecordBatch:
    """The records of all packs, in their order; the schema is that of the packs."""
    batches = [pa.ipc.read_record_batch(pa.py_buffer(packed), schema) for packed in packs]
    return pa.concat_batches(batches) if batches else pa.RecordBatch.from_pylist([], schema)


def numbers(records: pa.RecordBatch, column: str) -> NDArray[np.int64]:
    """A column of numbers, none of them null."""
    return records.column(column).to_numpy()  # type: ignore[no-any-return]


def buckets(records: pa.RecordBatch) -> Keys:
    """The bucket of each record, from its identity alone."""
    mixed = (numbers(records, "high") ^ numbers(records, "low")) * np.uint64(0x9E3779B97F4A7C15)
    return ((mixed >> np.uint64(32)) % np.uint64(BUCKETS)).astype(np.int64)


def split(records: pa.RecordBatch, keys: Keys) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The records of each key, in their order."""
    order = np.argsort(keys, kind="stable")
    ordered = records.take(pa.array(order))
    found, starts = np.unique(keys[order], return_index=True)
    ends = np.append(starts, len(keys))[1:]
    for key, start, end in zip(found, starts, ends, strict=True):
        yield int(key), ordered.slice(start, end - start)


def identities(texts: pa.Array) -> NDArray[np.uint64]:
    """The halves of each UUID, given as text with hyphens; shape (number, 2), zeros for null."""
    plain = pc.replace_substring(pc.fill_null(texts, str(UUID(int=0))), "-", "")
    digits = plain.buffers()[2]
    halves = np.frombuffer(unhexlify(digits[: 32 * len(plain)]) if digits else b"", ">u8")
    return halves.astype(np.uint64).reshape(-1, 2)


def rows(schema: pa.Schema, columns: Mapping[str, pa.Array]) -> pa.RecordBatch:
    """A batch of that schema; columns that aren't given are null."""
    length = len(next(iter(columns.values())))
    arrays = [columns[field.name] if field.name in columns else pa.nulls(length, field.type) for field in schema]
    return pa.RecordBatch.from_arrays([pa.array(a, f.type) for a, f in zip(arrays, schema, strict=True)], schema=schema)
