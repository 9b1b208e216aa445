"""Decoding and the rule of lateness on Arrow batches, without Spark."""

from __future__ import annotations

import pyarrow as pa
import pytest

from eventmill.contracts.events import ProductView
from eventmill.kafka.record_sizes import RECORD_BYTES, TOO_LONG
from spark_jobs.pipelines.clicks import LABEL
from spark_jobs.processing.lateness import LatenessStep, Rule, Tagged, in_packs
from spark_jobs.processing.packed_records import Outcome, numbers
from spark_jobs.processing.refusals import Refusals
from tests.unit.spark_jobs.support import START, click

SECOND = 1_000_000
FIRST = int(START.timestamp()) * SECOND


def batch(*values: bytes | None, partition: int = 0, received: float = 86400) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "key": pa.array([b"k"] * len(values), pa.binary()),
            "value": pa.array(values, pa.binary()),
            "partition": pa.array([partition] * len(values), pa.int32()),
            "offset": pa.array(range(len(values)), pa.int64()),
            "timestamp": pa.array([FIRST + int(received * SECOND)] * len(values), pa.timestamp("us", "UTC")),
        }
    )


def tagging(closed: int = 0, newest: dict[int, int] | None = None) -> LatenessStep:
    return LatenessStep(ProductView, LABEL, Rule(300 * SECOND, 300 * SECOND, closed, newest or {}))


def late(tagged: Tagged) -> list[bool]:
    return [outcome == Outcome.LATE for outcome in numbers(tagged.records, "outcome")]


def test_the_newest_of_an_earlier_batch_of_the_task_counts() -> None:
    task = tagging()
    assert late(task.judge(batch(click(1000), click(700)))) == [False, True]
    assert late(task.judge(batch(click(700), click(701)))) == [True, False]


def test_the_newest_of_an_earlier_micro_batch_counts() -> None:
    assert late(tagging(newest={0: FIRST + 1000 * SECOND}).judge(batch(click(700), click(701)))) == [True, False]


def test_what_belongs_to_a_final_window_is_late() -> None:
    assert late(tagging(closed=FIRST + 300 * SECOND).judge(batch(click(299.9), click(300)))) == [True, False]


def test_a_rejected_record_is_not_late_and_keeps_its_bytes() -> None:
    values = batch(click(1000), b"{", click(1001))
    tagged = tagging().judge(values)
    assert numbers(tagged.records, "outcome").tolist() == [Outcome.STORED, Outcome.REJECTED, Outcome.STORED]
    assert tagged.records.column("label").to_pylist() == ["desktop", None, "desktop"]
    rejected = tagged.rejected(values).select(["offset", "key", "value", "reason"]).to_pylist()
    assert rejected == [{"offset": 1, "key": b"k", "value": b"{", "reason": "Input data was truncated"}]


def test_without_a_rule_nothing_is_late_and_fields_stay_with_their_record() -> None:
    task = LatenessStep(ProductView, LABEL, None, ("userid", LABEL))
    values = click(90000), b"{", click(1, "tablet")
    tagged = task.judge(batch(*values))
    assert late(tagged) == [False] * 3
    assert tagged.records.column("value").to_pylist() == list(values)
    assert tagged.records.column("event").to_pylist() == [
        {"userid": user, LABEL: source} for user, source in (("user-1", "desktop"), (None, None), ("user-1", "tablet"))
    ]


def test_a_batch_without_rows_or_without_good_ones_is_taken() -> None:
    assert in_packs([tagging().judge(batch()).records]).num_rows == 0
    assert tagging().judge(batch(None, b"")).reasons == ["empty value"] * 2


def test_what_sinks_refused_is_rejected_and_moves_nothing() -> None:
    refusals = Refusals(LABEL, {(0, 1): "PostgreSQL: NUL", "tablet": "MySQL: no"})
    task = LatenessStep(ProductView, LABEL, Rule(300 * SECOND, 300 * SECOND), refusals=refusals)
    values = batch(click(1), click(2), click(5000, "tablet"), b"{", click(3))
    tagged = task.judge(values)
    assert numbers(tagged.records, "outcome").tolist() == [Outcome.STORED, *[Outcome.REJECTED] * 3, Outcome.STORED]
    assert tagged.records.column("label").to_pylist() == ["desktop", None, None, None, "desktop"]
    found = tagged.rejected(values).select(["offset", "reason", "refused"]).to_pylist()
    assert [tuple(row.values()) for row in found] == [
        (1, "PostgreSQL: NUL", True),
        (2, "MySQL: no", True),
        (3, "Input data was truncated", False),
    ]


def test_a_record_that_is_too_long_is_rejected_though_its_producer_had_packed_it() -> None:
    values = batch(click(1), click(2, filler="x" * RECORD_BYTES), click(3))
    tagged = tagging().judge(values)
    assert tagged.reasons == [None, TOO_LONG, None]
    assert tagged.rejected(values).column("refused").to_pylist() == [False]


def test_a_task_with_two_partitions_is_refused() -> None:
    both = pa.Table.from_batches([batch(click(1)), batch(click(2), partition=1)]).combine_chunks().to_batches()[0]
    with pytest.raises(ValueError, match=r"one task reads the partitions \[0, 1\]: .* must not set minPartitions"):
        tagging().judge(both)


def bounded(watermark: int = 300) -> LatenessStep:
    """A tagging of which no record moves the newest time more than five minutes beyond Kafka's."""
    return LatenessStep(ProductView, LABEL, Rule(300 * SECOND, watermark * SECOND, 0, {}, 300 * SECOND))


@pytest.mark.parametrize("watermark", [60, 300])
def test_an_event_that_lies_hours_ahead_makes_no_honest_one_late(watermark: int) -> None:
    task, ahead = bounded(watermark), click(1000 + 20 * 3600)
    assert late(task.judge(batch(click(1000), ahead, click(999), click(941), received=1000))) == [False] * 4
    assert late(task.judge(batch(click(1000 - watermark), click(1001 - watermark), received=1001))) == [True, False]


def test_an_event_of_a_clock_that_is_minutes_ahead_moves_the_newest_time() -> None:
    task = bounded()
    assert late(task.judge(batch(click(1300), click(1000), click(1001), received=1000))) == [False, True, False]


def test_outcomes_do_not_depend_on_where_a_batch_ends() -> None:
    times = [1000, 73000, 1001, 1302, 999, 1700, 1400]
    received = [1000, 1000, 1001, 1002, 1003, 1004, 1005]
    one_by_one = bounded()
    parts = [batch(click(time), received=at) for time, at in zip(times, received, strict=True)]
    single = [late(one_by_one.judge(part))[0] for part in parts]
    together = pa.Table.from_batches(parts).combine_chunks().to_batches()[0]
    assert late(bounded().judge(together)) == single == [False, False, False, False, True, False, False]


@pytest.mark.parametrize("years", [-20, 20])
def test_a_record_of_a_wrong_clock_makes_no_honest_one_late(years: int) -> None:
    task, off = bounded(), years * 365 * 86400
    task.judge(batch(click(999), received=1000 + off))
    assert late(task.judge(batch(click(1000), click(1001), received=1001))) == [False, False]
