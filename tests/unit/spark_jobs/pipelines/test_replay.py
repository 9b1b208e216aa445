"""A crash at any step of a batch, then the batch again: the result is that of a run without crash."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.spark_jobs.support import ClicksPipeline, Record, click

Make = Callable[..., ClicksPipeline]

FIRST = [click(10, number=1), click(20, "mobile", 2), b"broken", click(10, number=1), click(400), click(910), click(3)]
SECOND = [click(910, number=910), click(20, "mobile", 2), click(1600), click(1250, "tablet"), b"{}", click(600)]


@pytest.mark.parametrize("earlier", [[], FIRST], ids=["first batch", "later batch"])
def test_a_crash_at_each_step_changes_nothing(clicks: Make, earlier: list[bytes]) -> None:
    batch = SECOND if earlier else FIRST
    pipeline, expected = clicks(), clicks()
    for each in (pipeline, expected) if earlier else ():
        each.feed(*earlier)
    reference = expected.feed(*batch).snapshot()
    records = [Record(value, offset=len(earlier) + n) for n, value in enumerate(batch)]
    steps = 0
    while pipeline.crash(records, steps):
        steps += 1
    assert steps > 8
    assert pipeline.snapshot() == reference


def test_what_an_earlier_try_published_with_other_settings_is_removed(clicks: Make) -> None:
    pipeline = clicks(partitions=2, idle=None).feed(Record(click(10), 0), Record(click(900), 0))
    assert pipeline.commerce() == {(0, "desktop"): 1}
    pipeline.batches, pipeline.offsets, pipeline.idle = 0, {}, 300 * 1_000_000
    pipeline.feed(Record(click(10), 0), Record(click(900), 0))
    assert pipeline.commerce() == {}


def test_a_dead_process_that_still_writes_aside_does_no_harm(clicks: Make) -> None:
    pipeline = clicks()
    one, other = pipeline.process(), pipeline.process()
    assert one._aside != other._aside
