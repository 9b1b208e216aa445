"""The clicks pipeline from Kafka records to tables: each record is counted once, or told why not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spark_jobs.state.state_store import StateError
from tests.unit.spark_jobs.support import MINUTE, START, ClicksPipeline, Record, click

Make = Callable[..., ClicksPipeline]


def test_a_window_is_final_once_the_watermark_has_passed_its_end(clicks: Make) -> None:
    pipeline = clicks().feed(click(1), click(299), click(300), click(599.999))
    assert pipeline.commerce() == {}
    pipeline.feed(click(600))
    assert pipeline.commerce() == {(0, "desktop"): 2}
    pipeline.feed(click(899))
    assert pipeline.commerce() == {(0, "desktop"): 2}
    pipeline.feed(click(900))
    assert pipeline.commerce() == {(0, "desktop"): 2, (300, "desktop"): 2}


def test_sources_that_differ_in_case_accent_or_script_are_counted_apart(clicks: Make) -> None:
    sources = ["mobile", "Mobile", "téléphone", "telephone", "телефон", "手机", "📱", "mobile "]
    pipeline = clicks().feed(*(click(n, source) for n, source in enumerate(sources)), click(20 * MINUTE))
    assert pipeline.commerce() == {(0, source): 1 for source in sources}


def test_a_click_behind_the_newest_before_it_in_its_partition_by_the_watermark_is_late(clicks: Make) -> None:
    pipeline = clicks().feed(click(1000), click(700), click(700.001))
    assert pipeline.table("faults") == [(600, 900, "desktop", 1, 0)]
    assert pipeline.state()["totals"]["late"] == 1


def test_lateness_is_the_same_wherever_a_batch_ends(clicks: Make) -> None:
    values = [click(1000), click(650), click(1400), click(1050), click(1101), click(20), click(5000)]
    whole = clicks().feed(*values)
    single = clicks()
    for value in values:
        single.feed(value)
    assert sorted(whole.table("faults")) == sorted(single.table("faults"))
    assert whole.commerce() == single.commerce()
    assert whole.state()["totals"] == single.state()["totals"]


def test_another_partition_does_not_make_a_click_late(clicks: Make) -> None:
    pipeline = clicks(partitions=2).feed(Record(click(5000), 0), Record(click(10), 1), Record(click(800), 1))
    assert pipeline.state()["totals"]["late"] == 0
    assert pipeline.commerce() == {(0, "desktop"): 1}


def test_copies_count_once_within_a_batch_and_across_batches(clicks: Make) -> None:
    pipeline = clicks().feed(click(10, number=1), click(10, number=1), click(20, number=2))
    pipeline.feed(click(10, number=1), click(30, number=3)).feed(click(20, number=2), click(600))
    assert pipeline.commerce() == {(0, "desktop"): 3}
    assert pipeline.table("faults") == [(0, 300, "desktop", 0, 1)] * 3
    assert pipeline.state()["totals"]["duplicates"] == 3


def test_copies_in_different_partitions_count_once(clicks: Make) -> None:
    pipeline = clicks(partitions=2).feed(Record(click(10, number=1), 0), Record(click(10, number=1), 1))
    pipeline.feed(Record(click(900), 0), Record(click(900, number=9), 1))
    assert pipeline.commerce() == {(0, "desktop"): 1}


def test_of_two_with_one_identity_the_first_seen_wins(clicks: Make) -> None:
    pipeline = clicks().feed(click(20, "tablet", 1), click(10, "mobile", 1)).feed(click(5, "desktop", 1), click(700))
    assert pipeline.commerce() == {(0, "mobile"): 1}
    assert sorted(pipeline.table("faults")) == [(0, 300, "desktop", 0, 1), (0, 300, "tablet", 0, 1)]


def test_an_identity_in_capitals_or_without_hyphens_is_the_same(clicks: Make) -> None:
    uuid = "0f8fad5b-d9cb-469f-a165-70867728950e"
    forms = [uuid, uuid.upper(), uuid.replace("-", "")]
    pipeline = clicks().feed(*(click(10, messageid=form) for form in forms), click(600))
    assert pipeline.commerce() == {(0, "desktop"): 1}


def test_a_copy_of_a_click_in_a_closed_window_is_still_found(clicks: Make) -> None:
    pipeline = clicks().feed(click(299, number=1), click(598)).feed(click(299, number=1), click(600))
    assert pipeline.commerce() == {(0, "desktop"): 1}
    pipeline.feed(click(301, number=1))
    assert pipeline.state()["totals"]["duplicates"] == 2


def test_windows_go_to_the_day_they_start_in(clicks: Make) -> None:
    day = 24 * 60 * MINUTE
    pipeline = clicks().feed(click(day - 1), click(day), click(day + 900))
    assert [p.parent.name for p in sorted(pipeline.folder.glob("commerce/*/*.parquet"))] == [
        "day=2026-01-01",
        "day=2026-01-02",
    ]
    assert pipeline.commerce() == {(day - 300, "desktop"): 1, (day, "desktop"): 1}


def test_offsets_of_the_time_are_minded(clicks: Make) -> None:
    times = "2026-01-01T02:04:00+02:00", "2025-12-31T19:06:00-05:00"
    pipeline = clicks().feed(*(click(n, timestamp=time) for n, time in enumerate(times)))
    assert {key: number for key, (number, _) in pipeline.live.items()} == {
        (1767225600 * 10**6, "desktop"): 1,
        (1767225900 * 10**6, "desktop"): 1,
    }


def test_the_years_1_and_9999_are_rejected_and_move_no_watermark(clicks: Make) -> None:
    pipeline = clicks().feed(
        click(0, timestamp="9999-12-31 23:59:59"),
        click(0, timestamp="0001-01-01 00:00:00"),
        click(0, timestamp="9999-12-31T23:59:59-05:00"),
        click(0, timestamp="0001-01-01T00:00:00+05:00"),
        click(10),
    )
    assert [headers["reason"] for _, headers in sorted(pipeline.rejected.items())] == [
        "timestamp: more than a day after the event was received",
        "timestamp: before 2000-01-01",
    ] * 2
    assert pipeline.state()["progress"]["closed"] == (1767225610 - 300) * 10**6
    assert pipeline.state()["totals"]["stored"] == 1


def test_every_record_is_accounted_for(clicks: Make) -> None:
    pipeline = clicks().feed(click(1000), b"{", click(5), None or b"", click(1000), click(10, "")).feed(click(5000))
    totals = pipeline.state()["totals"]
    assert totals == {"records": 7, "stored": 2, "rejected": 3, "late": 1, "duplicates": 1, "final": 1, "lost": 0}


def test_a_value_that_is_null_is_rejected(clicks: Make) -> None:
    pipeline = clicks().feed(Record(None), click(1))
    assert pipeline.rejected["0", "0"]["reason"] == "empty value"


def test_a_batch_of_rejected_records_only_is_taken(clicks: Make) -> None:
    pipeline = clicks().feed(b"one", b"two").feed(click(1), click(700))
    assert len(pipeline.rejected) == 2
    assert pipeline.commerce() == {(0, "desktop"): 1}


def test_an_empty_batch_changes_nothing(clicks: Make) -> None:
    pipeline = clicks().feed(click(1))
    before = pipeline.state()
    pipeline.feed()
    assert pipeline.state() == before | {"batch": 1}


def test_the_live_view_has_open_windows_and_those_just_closed(clicks: Make) -> None:
    pipeline = clicks().feed(click(1), click(301, "mobile"))
    start = 1767225600 * 10**6
    assert pipeline.live == {(start, "desktop"): (1, False), (start + 300 * 10**6, "mobile"): (1, False)}
    pipeline.feed(click(2), click(650))
    assert pipeline.live[start, "desktop"] == (2, True)
    assert pipeline.live[start + 600 * 10**6, "desktop"] == (1, False)


def test_a_partition_that_lags_holds_the_windows_open(clicks: Make) -> None:
    pipeline = clicks(partitions=2).feed(Record(click(5000), 0, arrival=1))
    assert pipeline.commerce() == {}
    pipeline.feed(Record(click(10), 1, arrival=2))
    assert pipeline.state()["totals"]["late"] == 0


def test_a_partition_without_records_holds_nobody_back_for_longer_than_the_idle_time(clicks: Make) -> None:
    pipeline = clicks(partitions=2).feed(Record(click(10), 0, arrival=1))
    pipeline.feed(Record(click(5000), 0, arrival=301))
    assert pipeline.commerce() == {}
    pipeline.feed(Record(click(5001), 0, arrival=302))
    assert pipeline.commerce() == {(0, "desktop"): 1}


def test_a_click_of_an_idle_partition_is_late_when_its_window_is_closed(clicks: Make) -> None:
    pipeline = clicks(partitions=2).feed(Record(click(10), 0)).feed(Record(click(11), 0, arrival=200))
    pipeline.feed(Record(click(5000), 0, arrival=400))
    pipeline.feed(Record(click(20), 1, arrival=401), Record(click(4700), 1, arrival=401))
    assert pipeline.commerce() == {(0, "desktop"): 2}
    assert pipeline.table("faults") == [(0, 300, "desktop", 1, 0)]


def test_after_a_pause_nobody_counts_as_idle_at_once(clicks: Make) -> None:
    pipeline = (
        clicks(partitions=2).feed(Record(click(10), 0), Record(click(11), 1)).feed(Record(click(20), 0, arrival=1))
    )
    pipeline.feed(Record(click(90000), 0, arrival=90000)).feed(Record(click(89000), 1, arrival=90001))
    assert pipeline.state()["totals"]["late"] == 0


def test_in_a_bounded_run_what_is_read_to_its_end_holds_nobody_back(clicks: Make) -> None:
    pipeline = clicks(partitions=4, idle=None).feed(Record(click(10), 0), Record(click(900), 0))
    assert pipeline.commerce() == {(0, "desktop"): 1}


def test_a_missing_state_is_told_with_what_to_do(clicks: Make) -> None:
    pipeline = clicks()
    pipeline.batches = 17
    with pytest.raises(StateError, match=r"checkpoint is at batch 17 but .*state/16 is missing: .*start over by"):
        pipeline.feed(click(1))


def test_a_missing_checkpoint_is_told_with_what_to_do(clicks: Make) -> None:
    pipeline = clicks().feed(click(1)).feed(click(2))
    pipeline.batches = 0
    with pytest.raises(StateError, match=r"checkpoint is at batch 0 but .*state is at 1: .*start over by"):
        pipeline.feed(click(3))


def test_other_windows_than_before_are_refused(clicks: Make) -> None:
    pipeline = clicks().feed(click(1))
    pipeline.window = 60
    with pytest.raises(StateError, match="windows were 300 s long and are 60 s now"):
        pipeline.feed(click(2))


def test_a_state_of_another_version_is_refused(clicks: Make) -> None:
    pipeline = clicks().feed(click(1))
    file = pipeline.folder / "state" / "0" / "state.json"
    file.write_text(file.read_text().replace('"layout":2', '"layout":1'))
    file.with_name(".state.json.crc").unlink()
    with pytest.raises(StateError, match=r"state was made by another version, in layout 1, not 2: start over by"):
        pipeline.feed(click(2))


def test_only_the_newest_states_are_kept(clicks: Make) -> None:
    pipeline = clicks()
    for second in range(5):
        pipeline.feed(click(second))
    assert sorted(path.name for path in pipeline.folder.glob("state/*")) == ["2", "3", "4"]


def test_nothing_is_left_aside(clicks: Make) -> None:
    pipeline = clicks().feed(click(1), click(900))
    assert list(pipeline.folder.glob("staging/*")) == []


def test_an_event_that_lies_hours_ahead_closes_no_window(clicks: Make) -> None:
    day, ahead = 24 * 60 * MINUTE, 20 * 60 * MINUTE
    pipeline = clicks(ahead=300 * 1_000_000).feed(click(day), click(day + ahead), click(day - 299))
    pipeline.feed(click(day - 200), click(day + 10))
    assert pipeline.state()["totals"]["late"] == 0
    first = int(START.timestamp()) + day
    assert pipeline.state()["progress"]["closed"] == (first + 10 - 300) * 1_000_000
    assert pipeline.live[(first + ahead) * 1_000_000, "desktop"] == (1, False)
