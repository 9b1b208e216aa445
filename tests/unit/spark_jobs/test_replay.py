"""A crash at any step of a batch, then the batch again: the result is that of a run without crash."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spark_jobs.hadoop import Files
from tests.unit.spark_jobs.support import ClicksLine, Record, click, frame

Make = Callable[..., ClicksLine]

FIRST = [click(10, number=1), click(20, "mobile", 2), b"broken", click(10, number=1), click(400), click(910), click(3)]
SECOND = [click(910, number=910), click(20, "mobile", 2), click(1600), click(1250, "tablet"), b"{}", click(600)]


class CrashError(RuntimeError):
    """The process dies here."""


def crashing(after: int) -> type[Files]:
    """Files that die at the step of that number, of all that change something."""
    left = iter(range(after, -1, -1))

    class CrashingFiles(Files):
        """Files that die."""

        def step(self) -> None:
            """Die, if it's time to."""
            if next(left, 1) == 0:
                raise CrashError

        def write(self, path: str, content: bytes) -> None:
            """Die or write."""
            self.step()
            super().write(path, content)

        def delete(self, path: str) -> None:
            """Die or delete."""
            self.step()
            super().delete(path)

        def _rename(self, source: str, target: str, *options: str) -> None:
            self.step()
            super()._rename(source, target, *options)

    return CrashingFiles


def crash(line: ClicksLine, records: list[Record], step: int) -> bool:
    """Run a batch in a process that dies at a step; False when the batch has no such step."""
    try:
        line.process(crashing(step))(frame(line.spark, records), line.batches)
    except CrashError:
        return True
    return False


@pytest.mark.parametrize("earlier", [[], FIRST], ids=["first batch", "later batch"])
def test_a_crash_at_each_step_changes_nothing(clicks: Make, earlier: list[bytes]) -> None:
    batch = SECOND if earlier else FIRST
    line, expected = clicks(), clicks()
    for each in (line, expected) if earlier else ():
        each.feed(*earlier)
    reference = expected.feed(*batch).snapshot()
    records = [Record(value, offset=len(earlier) + n) for n, value in enumerate(batch)]
    steps = 0
    while crash(line, records, steps):
        steps += 1
    assert steps > 8
    assert line.snapshot() == reference


def test_what_an_earlier_try_published_with_other_settings_is_removed(clicks: Make) -> None:
    line = clicks(partitions=2, idle=None).feed(Record(click(10), 0), Record(click(900), 0))
    assert line.commerce() == {(0, "desktop"): 1}
    line.batches, line.offsets, line.idle = 0, {}, 300 * 1_000_000
    line.feed(Record(click(10), 0), Record(click(900), 0))
    assert line.commerce() == {}


def test_a_dead_process_that_still_writes_aside_does_no_harm(clicks: Make) -> None:
    line = clicks()
    one, other = line.process(), line.process()
    assert one._aside != other._aside
