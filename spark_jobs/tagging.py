"""Decoding of Kafka records and the rule of lateness, as a function over Arrow batches.

One task reads one Kafka partition in the order of its offsets, because the source's `minPartitions` is unset. So each
record can be judged by the records before it, and the verdict is the same wherever a micro-batch happens to end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql.pandas.types import from_arrow_schema

from eventmill import events
from spark_jobs.decoding import BatchDecoder, Micros, micros
from spark_jobs.packs import RECORDS, Verdict, buckets, identities, pack, rows, split
from spark_jobs.watermark import LONG_AGO

KAFKA_FIELDS = ("key", "value", "partition", "offset", "timestamp")
"""The columns of Spark's Kafka source that a tagged batch is made from."""

TAGGED = pa.schema(
    {
        "bucket": pa.int32(),
        "records": pa.binary(),
        "partition": pa.int32(),
        "offset": pa.int64(),
        "kafka_time": pa.timestamp("us", "UTC"),
        "key": pa.binary(),
        "value": pa.binary(),
        "reason": pa.string(),
    }
)
"""Rows of a tagged batch: packs of all its records, and each rejected one by itself, with the reason."""

TAGGED_ROWS = from_arrow_schema(TAGGED)


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


def tagger(
    contract: type[events.Event], label: str, rule: Rule
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function for `mapInArrow` that decodes and tags the records of one task; `label` as for Tagging."""

    def tag(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        tagging = Tagging(contract, label, rule)
        for batch in batches:
            tagged = tagging.judge(batch)
            yield tagged.packs()
            yield tagged.rejected(batch)

    return tag


@dataclass(frozen=True)
class Tagged:
    """A batch's records with their verdict so far, and the reasons of those that are rejected, row for row."""

    records: pa.RecordBatch
    reasons: Sequence[str | None]

    def packs(self) -> pa.RecordBatch:
        """The rows of TAGGED that hold the records."""
        parts = list(split(self.records, buckets(self.records)))
        return rows(TAGGED, {"bucket": [key for key, _ in parts], "records": [pack(part) for _, part in parts]})

    def rejected(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of TAGGED for the rejected ones of the batch that the records come from."""
        reasons = pa.array(self.reasons, pa.string())
        broken = batch.filter(pc.is_valid(reasons))
        columns = {name: broken.column(name) for name in ("partition", "offset", "key", "value")}
        return rows(TAGGED, columns | {"kafka_time": broken.column("timestamp"), "reason": reasons.drop_null()})


class Tagging:
    """Judges the batches of one task, one after the other; `label` is the path of the field to count by."""

    def __init__(self, contract: type[events.Event], label: str, rule: Rule) -> None:
        self._rule = rule
        self._decoder = BatchDecoder(contract, {"messageid": "messageid", "label": label})
        self._newest = dict(rule.newest)

    def judge(self, batch: pa.RecordBatch) -> Tagged:
        """The records of a batch as rejected, late or, until duplicates are found, to be stored."""
        received = micros(batch.column("timestamp"))
        decoded = self._decoder.decode(batch.column("value").to_pylist(), received)
        time = np.full(len(batch), LONG_AGO)
        time[decoded.good] = decoded.times
        verdict = np.full(len(batch), Verdict.REJECTED, np.int8)
        late = self._late(_partition(batch), decoded.times)
        verdict[decoded.good] = np.where(late, Verdict.LATE, Verdict.STORED)
        identity = identities(decoded.columns["messageid"])
        columns = {
            "high": identity[:, 0],
            "low": identity[:, 1],
            "time": time,
            "label": decoded.columns["label"],
            "partition": batch.column("partition"),
            "offset": batch.column("offset"),
            "kafka_time": received,
            "verdict": verdict,
        }
        return Tagged(rows(RECORDS, columns), decoded.reasons)

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
