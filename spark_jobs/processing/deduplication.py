"""Outcomes on the records of a batch, each identity once, and the batch in numbers; shared by all pipelines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from spark_jobs.processing.packed_records import Keys, Outcome, numbers, rows
from spark_jobs.state.state_store import Totals
from spark_jobs.state.watermark import Read, credible

TALLY = pa.schema(
    {
        "outcome": pa.int8(),
        "partition": pa.int32(),
        "window_start": pa.int64(),
        "label": pa.string(),
        "number": pa.int64(),
        "newest": pa.int64(),
        "first_kafka_time": pa.int64(),
        "last_kafka_time": pa.int64(),
        "last_offset": pa.int64(),
    }
)
"""The number of records of a outcome, partition, window and label, and how far they reach. Times in microseconds."""

REACH = [("newest", "max"), ("first_kafka_time", "min"), ("last_kafka_time", "max"), ("last_offset", "max")]
"""Aggregates of the rows of TALLY of one partition."""

PACKS = pa.schema({"bucket": pa.int32(), "records": pa.binary()})
"""The records of a bucket, packed."""

Key = tuple[int, str]
"""A window's start in microseconds since the epoch, and a label."""


def by_bucket(packs: DataFrame) -> DataFrame:
    """The rows, those of a bucket in one task; each task has as many buckets as the others."""
    return packs.repartitionById(int(str(packs.sparkSession.conf.get("spark.sql.shuffle.partitions"))), "bucket")


def find_duplicates(records: pa.RecordBatch) -> tuple[pa.RecordBatch, NDArray[np.int8]]:
    """The records in an order that depends on nothing but themselves, and their outcomes."""
    order = _by_identity(records)
    ordered, outcomes = records.take(pa.array(order)), numbers(records, "outcome")[order]
    high, low = numbers(ordered, "high"), numbers(ordered, "low")
    again = np.zeros(len(order), bool)
    # What is no candidate comes after the candidates of its identity.
    again[1:] = (high[1:] == high[:-1]) & (low[1:] == low[:-1]) & (outcomes[1:] <= Outcome.STORED)
    return ordered, np.where(again, Outcome.DUPLICATE, outcomes).astype(np.int8)


def _by_identity(records: pa.RecordBatch) -> NDArray[np.int64]:
    """The order of the records by identity, outcome (the one seen before is first), time, partition and offset."""
    # Partition and offset are in the key and no two records share them, so that the order is total: whichever way Spark
    # delivered the packs, the same one of several copies is first and is stored. A replay must choose that one again,
    # for the first try may have written it already.
    high = numbers(records, "high")
    order = np.argsort(high)
    same = np.diff(high[order]) == 0
    # Few share half an identity: only those need the other keys. Both neighbours of each equal pair are among them.
    tied = np.flatnonzero(np.append(False, same) | np.append(same, False)) if len(order) else order
    among = order[tied]
    keys = [numbers(records, name)[among] for name in ("offset", "partition", "time", "outcome", "low", "high")]
    order[tied] = among[np.lexsort(keys)]
    return order


def tally(
    schema: pa.Schema, records: pa.RecordBatch, outcomes: NDArray[np.int8], window_start: Keys, ahead: int
) -> pa.RecordBatch:
    """The records in numbers, as rows of a schema that has the columns of TALLY; the times are the `credible` ones."""
    keys = {"outcome": outcomes, "partition": records.column("partition"), "window_start": window_start}
    values = {name: records.column(name) for name in ("label", "kafka_time", "offset")}
    values["time"] = pa.array(credible(numbers(records, "time"), numbers(records, "kafka_time"), ahead))
    wanted = [("time", "max"), ("kafka_time", "min"), ("kafka_time", "max"), ("offset", "max"), ([], "count_all")]
    grouped = pa.table(keys | values).group_by([*keys, "label"], use_threads=False).aggregate(wanted).combine_chunks()
    names = {
        "time_max": "newest",
        "kafka_time_min": "first_kafka_time",
        "kafka_time_max": "last_kafka_time",
        "offset_max": "last_offset",
        "count_all": "number",
    }
    return rows(schema, {names.get(name, name): grouped.column(name).chunk(0) for name in grouped.column_names})


def as_seen(records: pa.RecordBatch) -> pa.RecordBatch:
    """The records as those of later batches meet them."""
    seen = np.full(len(records), Outcome.SEEN, np.int8)
    return records.set_column(records.schema.get_field_index("outcome"), "outcome", pa.array(seen))


@dataclass(frozen=True)
class BatchSummary:
    """A batch in numbers: by outcome the records of each window and label, and how far each partition was read."""

    by_outcome: Mapping[Outcome, Counter[Key]] = field(
        default_factory=lambda: {outcome: Counter() for outcome in Outcome}
    )
    reads: dict[int, Read] = field(default_factory=dict)

    @classmethod
    def of(cls, judged: DataFrame) -> BatchSummary:
        """The summary of a judged batch; one Spark job."""
        found = judged.where("number IS NOT NULL").select(*TALLY.names).toArrow()
        result = cls()
        for row in found.group_by(["outcome", "window_start", "label"]).aggregate([("number", "sum")]).to_pylist():
            result.by_outcome[Outcome(row["outcome"])][row["window_start"], row["label"]] = row["number_sum"]
        for row in found.filter(pc.field("outcome") != Outcome.SEEN).group_by("partition").aggregate(REACH).to_pylist():
            newest, first, last, offset = (row[f"{name}_{kind}"] for name, kind in REACH)
            result.reads[row["partition"]] = Read(newest, first, last, offset + 1)
        return result

    def number(self, outcome: Outcome) -> int:
        """Number of records with that outcome."""
        return self.by_outcome[outcome].total()

    def totals(self) -> Totals:
        """The batch's records by what became of them."""
        return Totals(
            records=sum(self.number(outcome) for outcome in Outcome if outcome != Outcome.SEEN),
            stored=self.number(Outcome.STORED),
            rejected=self.number(Outcome.REJECTED),
            late=self.number(Outcome.LATE),
            duplicates=self.number(Outcome.DUPLICATE),
        )
