"""Duplicates among records, without Spark."""

from __future__ import annotations

import random

import pyarrow as pa

from spark_jobs.processing.deduplication import find_duplicates
from spark_jobs.processing.packed_records import RECORDS, Outcome


def record(chance: random.Random, offset: int) -> dict[str, object]:
    """One of few identities that share their first half, of any outcome."""
    return {
        "high": chance.randrange(3),
        "low": chance.randrange(4),
        "time": chance.randrange(3),
        "label": None,
        "partition": offset % 2,
        "offset": offset,
        "kafka_time": 0,
        "outcome": chance.choice((Outcome.SEEN, Outcome.STORED, Outcome.LATE, Outcome.REJECTED)),
    }


def test_of_each_identity_the_first_candidate_stays_whatever_the_order_of_the_records() -> None:
    chance = random.Random(7)
    for count in range(60):
        records = [record(chance, offset) for offset in range(count)]
        found, outcomes = find_duplicates(pa.RecordBatch.from_pylist(records, RECORDS))
        chance.shuffle(records)
        again, same = find_duplicates(pa.RecordBatch.from_pylist(records, RECORDS))
        assert (again, same.tolist()) == (found, outcomes.tolist())

        seen: set[tuple[object, object]] = set()
        expected = []
        for row in sorted(found.to_pylist(), key=lambda r: (r["outcome"], r["time"], r["partition"], r["offset"])):
            candidate, identity = row["outcome"] <= Outcome.STORED, (row["high"], row["low"])
            expected.append((row["offset"], Outcome.DUPLICATE if candidate and identity in seen else row["outcome"]))
            seen |= {identity} if candidate else set()
        assert sorted(zip(found.column("offset").to_pylist(), outcomes.tolist(), strict=True)) == sorted(expected)
