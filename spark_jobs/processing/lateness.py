"""Decoding of Kafka records and the rule of lateness, as a function over Arrow batches.

One task reads one Kafka partition in the order of its offsets (`spark_jobs/source/kafka_stream.py`). So each record can
be judged by the records before it, and the outcome is the same wherever a micro-batch happens to end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_type

from eventmill.contracts import events
from eventmill.kafka.record_sizes import RECORD_BYTES, TOO_LONG
from spark_jobs.processing.packed_records import RECORDS, Outcome, buckets, identities, pack, rows, split
from spark_jobs.processing.refusals import Refusals
from spark_jobs.source.decoder import AHEAD, BatchDecoder, Micros, micros
from spark_jobs.source.schema import column_type
from spark_jobs.state.watermark import LONG_AGO, Pace, Progress, credible

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
        "refused": pa.bool_(),
    }
)
"""Rows of a tagged batch: packs of all its records, and each rejected one by itself, with the reason; `refused` are
those that a sink refused.
"""

NOTHING = Refusals()
PACKED_TOGETHER = 50_000
"""About how many records are divided into packs at a time."""

TAGGED_ROWS = from_arrow_schema(TAGGED)


@dataclass(frozen=True)
class Rule:
    """Rule of lateness; times in microseconds, `closed` and `newest` since the epoch.

    Attributes:
        window: length of the tumbling windows.
        watermark: how far a record may lie behind the newest one before it in its partition.
        closed: the closing watermark; windows that end by then are final.
        newest: the newest time seen so far in each Kafka partition.
        ahead: how far beyond Kafka's time a record's time counts as the newest one.
    """

    window: int
    watermark: int
    closed: int = LONG_AGO
    newest: Mapping[int, int] = field(default_factory=dict)
    ahead: int = AHEAD

    @classmethod
    def of(cls, window: int, pace: Pace, before: Progress) -> Rule:
        """The rule for windows of that length at a pipeline's pace, after what was read before."""
        return cls(window, pace.watermark, before.closed, before.newest(pace.ahead), pace.ahead)


def tagger(
    contract: type[events.Event],
    label: str,
    rule: Rule | None,
    keep: Sequence[str] = (),
    refusals: Refusals = NOTHING,
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function for `map_records` that decodes and tags the records of one task; the rest as for Tagging."""

    def tag(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        tagging, judged = LatenessStep(contract, label, rule, keep, refusals), []
        for batch in batches:
            tagged = tagging.judge(batch)
            judged.append(tagged.records)
            if tagged.has_rejected:
                yield tagged.rejected(batch)
            if sum(map(len, judged)) >= PACKED_TOGETHER:
                yield in_packs(judged)
                judged = []
        if judged:
            yield in_packs(judged)

    return tag


def in_packs(judged: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """The rows of TAGGED that hold these records, a pack a bucket."""
    records = pa.concat_batches(judged)
    parts = list(split(records, buckets(records)))
    return rows(TAGGED, {"bucket": [key for key, _ in parts], "records": [pack(part) for _, part in parts]})


@dataclass(frozen=True)
class Tagged:
    """A batch's records with their outcome so far, and the reasons of those that are rejected, row for row.

    `refused` are the positions of those that a sink refused.
    """

    records: pa.RecordBatch
    reasons: Sequence[str | None]
    refused: Set[int] = frozenset()

    @property
    def has_rejected(self) -> bool:
        """True if one of the records is rejected."""
        return any(reason is not None for reason in self.reasons)

    def rejected(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of TAGGED for the rejected ones of the batch that the records come from."""
        reasons = pa.array(self.reasons, pa.string())
        broken = batch.filter(pc.is_valid(reasons))
        columns = {name: broken.column(name) for name in ("partition", "offset", "key", "value")}
        refused = [index in self.refused for index, reason in enumerate(self.reasons) if reason is not None]
        columns |= {"kafka_time": broken.column("timestamp"), "reason": reasons.drop_null(), "refused": refused}
        return rows(TAGGED, columns)


class LatenessStep:
    """Judges the batches of one task, one after the other.

    `label` is the path of the field to count by. Without a rule nothing is late. The fields of the paths in `keep` stay
    with the records, and so does the value. What sinks have refused is rejected.
    """

    def __init__(
        self,
        contract: type[events.Event],
        label: str,
        rule: Rule | None,
        keep: Sequence[str] = (),
        refusals: Refusals = NOTHING,
    ) -> None:
        self._rule = rule
        self._keep = keep
        self._schema = records_schema(contract, keep)
        identity = events.json_name(contract, "messageid")
        columns = {"messageid": identity, "label": label} | {_kept(p): p for p in keep}
        self._decoder = BatchDecoder(contract, columns, refusals)
        self._refusals = refusals
        self._newest = dict(rule.newest) if rule else {}

    def judge(self, batch: pa.RecordBatch) -> Tagged:
        """The records of a batch as rejected, late or, until duplicates are found, to be stored."""
        received = micros(batch.column("timestamp"))
        refused, too_long = self._refused_in(batch), _too_long(batch)
        decoded = self._decoder.decode(batch.column("value").to_pylist(), received, refused | too_long)
        time = np.full(len(batch), LONG_AGO)
        time[decoded.good] = decoded.times
        outcome = np.full(len(batch), Outcome.REJECTED, np.int8)
        late = self._late(batch, decoded.times, received[decoded.good])
        outcome[decoded.good] = np.where(late, Outcome.LATE, Outcome.STORED)
        identity = identities(decoded.columns["messageid"])
        columns = {
            "high": identity[:, 0],
            "low": identity[:, 1],
            "time": time,
            "label": decoded.columns["label"].cast(pa.string()),
            "partition": batch.column("partition"),
            "offset": batch.column("offset"),
            "kafka_time": received,
            "outcome": outcome,
        }
        if self._keep:
            fields = [decoded.columns[_kept(path)] for path in self._keep]
            columns |= {"value": batch.column("value"), "event": pa.StructArray.from_arrays(fields, self._keep)}
        return Tagged(rows(self._schema, columns), decoded.reasons, decoded.excluded - too_long.keys())

    def _refused_in(self, batch: pa.RecordBatch) -> dict[int, str]:
        """The reasons of the records that were refused by their places, by their positions in the batch."""
        if not self._refusals.reasons:
            return {}
        places = zip(batch.column("partition").to_pylist(), batch.column("offset").to_pylist(), strict=True)
        found = ((index, self._refusals.at(*place)) for index, place in enumerate(places))
        return {index: reason for index, reason in found if reason is not None}

    def _late(self, batch: pa.RecordBatch, times: Micros, received: Micros) -> NDArray[np.bool_]:
        """A mask of a batch's good records, in the order of their offsets: those that come too late.

        Each is compared with when its own record was received, so that no outcome depends on where a batch ends.
        """
        rule = self._rule
        if not rule:
            return np.zeros(len(times), bool)
        partition = _partition(batch)
        # newest[i] is the newest credible time of all records before record i in its partition: what earlier batches
        # carried over first, then this one's. So the outcome is a function of the partition up to that offset, and a
        # replay that cuts the same records into other batches comes to the same. What is in a window that `closed` has
        # passed is late too, however new it is here: that window's counts are published and stay as they are.
        reached = credible(times, received, rule.ahead)
        newest = np.maximum.accumulate(np.concatenate(([self._newest.get(partition, LONG_AGO)], reached)))
        self._newest[partition] = int(newest[-1])
        window_end = times - times % rule.window + rule.window
        return (times <= newest[:-1] - rule.watermark) | (window_end <= rule.closed)


def _too_long(batch: pa.RecordBatch) -> dict[int, str]:
    """The reason of the records that are too long, by their positions in the batch."""
    key, value = (pc.fill_null(pc.binary_length(batch.column(name)), 0) for name in ("key", "value"))
    return dict.fromkeys(np.flatnonzero(pc.greater(pc.add(key, value), RECORD_BYTES)).tolist(), TOO_LONG)


def records_schema(contract: type[events.Event], keep: Sequence[str]) -> pa.Schema:
    """RECORDS and, when fields are kept, the record's value and those fields, named by their paths, as `event`."""
    if not keep:
        return RECORDS
    fields = [(path, to_arrow_type(column_type(contract, path), timezone="UTC")) for path in keep]
    return pa.schema([*RECORDS, pa.field("value", pa.binary()), pa.field("event", pa.struct(fields))])


def _kept(path: str) -> str:
    return f"event.{path}"


def _partition(batch: pa.RecordBatch) -> int:
    """The one Kafka partition that the batch comes from.

    Raises:
        ValueError: when there are more: the outcomes need a task that reads one partition in order.
    """
    partitions = pc.unique(batch.column("partition")).to_pylist()
    if len(partitions) > 1:
        raise ValueError(f"one task reads the partitions {partitions}: the Kafka source must not set minPartitions")
    return int(partitions[0]) if partitions else -1
