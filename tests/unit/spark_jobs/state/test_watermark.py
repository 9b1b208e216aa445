"""The closing watermark, without Spark."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from spark_jobs.state.watermark import LONG_AGO, Pace, Partition, Progress, Read, advance_watermark

PACE = Pace(watermark=5, idle=100, expected=2)


def read(newest: int, kafka_time: int = 0, next_offset: int = 1) -> Read:
    return Read(newest, kafka_time, kafka_time, next_offset)


def test_the_slowest_partition_sets_it() -> None:
    assert advance_watermark(Progress(), {0: read(50), 1: read(30)}, PACE).closed == 25


def test_it_never_goes_back() -> None:
    ahead = advance_watermark(Progress(), {0: read(50), 1: read(50)}, PACE)
    assert advance_watermark(ahead, {0: read(20), 1: read(20)}, PACE).closed == 45


def test_a_batch_without_records_leaves_all_as_it_was() -> None:
    before = advance_watermark(Progress(), {0: read(50)}, PACE)
    assert advance_watermark(before, {}, PACE) == before


def test_rejected_records_alone_move_nothing_but_show_that_the_partition_lives() -> None:
    after = advance_watermark(Progress(), {0: read(50), 1: read(LONG_AGO)}, PACE)
    assert after.closed == LONG_AGO
    assert after.partitions[1].absent_since is None


@pytest.mark.parametrize(("now", "closed"), [(100, LONG_AGO), (101, 65)])
def test_a_partition_is_idle_after_the_idle_time_of_records_elsewhere(now: int, closed: int) -> None:
    before = advance_watermark(Progress(), {0: read(50, kafka_time=0)}, PACE)
    middle = advance_watermark(before, {0: read(60, kafka_time=60)}, PACE)
    assert advance_watermark(middle, {0: read(70, kafka_time=now)}, PACE).closed == closed


def test_a_partition_that_has_records_again_counts_again() -> None:
    progress = Progress(closed=65, kafka_time=101, partitions={0: Partition(3, 70), 1: Partition(1, 10, 0)})
    after = advance_watermark(progress, {1: read(68, 102)}, PACE)
    assert after.partitions[1] == Partition(1, 68, None)
    assert after.partitions[0].absent_since == 102
    assert after.closed == 65


def test_after_a_pause_of_all_the_wait_begins_anew() -> None:
    progress = Progress(closed=0, kafka_time=200, partitions={0: Partition(1, 5), 1: Partition(1, 5, absent_since=50)})
    after = advance_watermark(progress, {0: read(900, kafka_time=1000)}, PACE)
    assert after.partitions[1].absent_since == 1000
    assert after.closed == 0


def test_a_record_of_an_old_clock_makes_no_partition_idle() -> None:
    before = advance_watermark(Progress(), {0: read(950, 1000), 1: read(900, 1000)}, PACE)
    after = advance_watermark(before, {0: Read(960, first_kafka_time=5, last_kafka_time=1001, next_offset=3)}, PACE)
    assert after.partitions[1].absent_since == 1000
    assert after.closed == before.closed == 895


def test_a_bounded_run_waits_for_nobody() -> None:
    assert advance_watermark(Progress(), {0: read(50)}, Pace(watermark=5, idle=None, expected=4)).closed == 45


def test_a_state_whose_newest_event_lies_too_far_ahead_is_bounded_by_what_kafka_got() -> None:
    progress = Progress(closed=60, kafka_time=100, partitions={0: Partition(1, 72_000), 1: Partition(1, 65)})
    assert progress.newest(ahead=30) == {0: 100, 1: 65}
    after = advance_watermark(progress, {1: read(140, kafka_time=150)}, replace(PACE, ahead=30))
    assert after.partitions == {0: Partition(1, 100, absent_since=150), 1: Partition(1, 140)}
    assert after.closed == 95


def test_progress_survives_json() -> None:
    progress = advance_watermark(Progress(), {0: read(50), 3: read(30)}, PACE)
    assert msgspec.json.decode(msgspec.json.encode(progress), type=Progress) == progress


def test_what_is_lost_is_behind_without_moving_time() -> None:
    before = advance_watermark(Progress(), {0: read(50, next_offset=7), 1: read(30, next_offset=3)}, PACE)
    after = before.beyond({0: 5, 1: 9, 2: 4})
    assert {number: each.next_offset for number, each in after.partitions.items()} == {0: 7, 1: 9, 2: 4}
    newest = after.newest(ahead=100)
    assert (after.closed, newest[0], newest[2]) == (before.closed, 50, LONG_AGO)
