"""Decoding of Kafka records and the rule of lateness, as a function over Arrow batches.

One task reads one Kafka partition in the order of its offsets, because the source's `minPartitions` is unset. So each
record can be judged by the records before it, and the verdict is the same wherever a micro-batch happens to end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import types as T

from eventmill import events
from spark_jobs.decoding import BatchDecoder, Micros, micros
from spark_jobs.schema import column_type
from spark_jobs.watermark import LONG_AGO

KAFKA_FIELDS = ("key", "value", "partition", "offset", "timestamp")
"""The columns of Spark's Kafka source that a tagged batch is made from."""

RECORD_FIELDS = [
    T.StructField("partition", T.IntegerType()),
    T.StructField("offset", T.LongType()),
    T.StructField("kafka_time", T.TimestampType()),
    T.StructField("key", T.BinaryType()),
    T.StructField("value", T.BinaryType()),
    T.StructField("reason", T.StringType()),
    T.StructField("late", T.BooleanType()),
]


@dataclass(frozen=True)
class Rule:
    """What makes a record late; times in microseconds, `closed` and `newest` since the epoch.

    Attributes:
        window: length of the tumbling windows.
        watermark: how far a record may lie behind the newest one before it in its partition.
        closed: the closing watermark; windows that end by then are final.
        newest: the newest time seen so far in each Kafka partition.
    """

    window: int
    watermark: int
    closed: int = LONG_AGO
    newest: Mapping[int, int] = field(default_factory=dict)


def tagged_schema(contract: type[events.Event], columns: Mapping[str, str]) -> T.StructType:
    """The columns of a tagged batch; `columns` names the contract's fields that come with it, by path.

    `reason` is set when the record was rejected, and only then `key` and `value` are; `late` when it came too late.
    """
    fields = [T.StructField(name, column_type(contract, path)) for name, path in columns.items()]
    return T.StructType(RECORD_FIELDS + fields)


def tagger(
    contract: type[events.Event], columns: Mapping[str, str], rule: Rule
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function for `mapInArrow` that decodes and tags the records of one task."""

    def tag(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        tagging = Tagging(contract, columns, rule)
        return map(tagging.tag, batches)

    return tag


class Tagging:
    """Tags the batches of one task, one after the other."""

    def __init__(self, contract: type[events.Event], columns: Mapping[str, str], rule: Rule) -> None:
        self._rule = rule
        self._decoder = BatchDecoder(contract, columns)
        self._newest = dict(rule.newest)

    def tag(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The tagged batch, row for row."""
        decoded = self._decoder.decode(batch.column("value").to_pylist(), micros(batch.column("timestamp")))
        late = np.zeros(len(batch), bool)
        late[decoded.good] = self._late(_partition(batch), decoded.times)
        broken = pa.array([reason is not None for reason in decoded.reasons], pa.bool_())
        columns = {
            "partition": batch.column("partition"),
            "offset": batch.column("offset"),
            "kafka_time": batch.column("timestamp"),
            "key": pc.if_else(broken, batch.column("key"), None),
            "value": pc.if_else(broken, batch.column("value"), None),
            "reason": pa.array(decoded.reasons, pa.string()),
            "late": pa.array(late),
        }
        return pa.RecordBatch.from_pydict(columns | dict(decoded.columns))

    def _late(self, partition: int, times: Micros) -> NDArray[np.bool_]:
        """Which of the times, in the order of their offsets, come too late."""
        rule = self._rule
        newest = np.maximum.accumulate(np.concatenate(([self._newest.get(partition, LONG_AGO)], times)))
        self._newest[partition] = int(newest[-1])
        window_end = times - times % rule.window + rule.window
        return (times <= newest[:-1] - rule.watermark) | (window_end <= rule.closed)


def _partition(batch: pa.RecordBatch) -> int:
    """The one Kafka partition that the batch comes from.

    Raises:
        ValueError: when there are more: the verdicts need a task that reads one partition in order.
    """
    partitions = pc.unique(batch.column("partition")).to_pylist()
    if len(partitions) > 1:
        raise ValueError(f"one task reads the partitions {partitions}: the Kafka source must not set minPartitions")
    return int(partitions[0]) if partitions else -1
