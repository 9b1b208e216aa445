"""The checks find every way in which a record can go astray, and nothing where all is in order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from eventmill.kafka.topic_reader import OffsetRange
from ops.datagen.ground_truth import Expected, Planted, Truth
from ops.reconciliation import click_checks
from ops.reconciliation.click_snapshot import ClickSnapshot, Counts
from ops.reconciliation.recount import Recount
from spark_jobs.state.state_store import State, Totals
from spark_jobs.state.watermark import Partition, Progress
from tests.support import settings

MINUTE = 60_000_000
START = 1767225600_000_000
CLOSED, OPEN = ("2026-01-01 00:00:00", "mobile"), ("2026-01-01 00:05:00", "手机")
STATE = State(
    batch=3,
    window_seconds=300,
    progress=Progress(START + 5 * MINUTE, 0, {0: Partition(10), 1: Partition(12)}),
    totals=Totals(records=22, stored=15, rejected=2, late=1, duplicates=4),
)
GOOD = ClickSnapshot(
    topic="clicks",
    kafka={0: OffsetRange(0, 10), 1: OffsetRange(0, 12)},
    state=STATE,
    open=Counter({OPEN: 5}),
    stored=Counter({CLOSED: 10}),
    late=Counter({CLOSED: 1}),
    duplicates=Counter({CLOSED: 4}),
    rejected_by_job=2,
    rejected_at_entry=3,
    exported=Counter({CLOSED: 10}),
    in_hive=Counter({CLOSED: 10}),
    unknown=(),
)
TRUTH = Truth(
    seed=7,
    count=15,
    lines=25,
    planted=Planted(late=1, duplicates=4, broken=5),
    broken_kinds={},
    window_seconds=300,
    watermark_seconds=300,
    windows=[
        Expected(datetime(2026, 1, 1, tzinfo=UTC), "mobile", 10, late=1, duplicates=4),
        Expected(datetime(2026, 1, 1, 0, 5, tzinfo=UTC), "手机", 5),
    ],
)


def again(**changes: object) -> Recount:
    """The count from Kafka that agrees with GOOD, but for these changes."""
    result = Recount(300_000_000, 300_000_000)
    result.stored, result.late, result.broken = Counter({CLOSED: 10, OPEN: 5}), Counter({CLOSED: 1}), 2
    result.duplicates = Counter({CLOSED: 4})
    for name, value in changes.items():
        setattr(result, name, value)
    return result


def differences(
    snapshot: ClickSnapshot,
    recount: Recount | None = None,
    truth: Truth | None = None,
    *,
    allow_waiting: bool = False,
) -> list[str]:
    """What the report says differs."""
    found = click_checks.click_report("clicks", snapshot, recount, truth, allow_waiting=allow_waiting)
    return [difference.what for difference in found.differences]


def with_more(counts: Counts) -> Counts:
    """One event more in the closed window."""
    return counts + Counter({CLOSED: 1})


def test_nothing_differs_where_all_is_in_order() -> None:
    assert differences(GOOD, again(), TRUTH) == []


def test_the_report_has_every_part_of_the_balance() -> None:
    report = click_checks.click_report("clicks", GOOD, None, None)
    parts = (report.stored, report.open, report.rejected, report.duplicates, report.late, report.waiting)
    assert report.accepted == sum(parts) == 22
    assert parts == (10, 5, 2, 4, 1, 0)
    assert (report.rejected_at_entry, report.exported) == (3, 10)


BALANCE = "accepted = all that became of it"


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (replace(GOOD, stored=Counter({CLOSED: 9}), in_hive=Counter({CLOSED: 9})), "stored, by the job"),
        (replace(GOOD, stored=with_more(GOOD.stored), in_hive=with_more(GOOD.in_hive)), "stored, by the job"),
        (replace(GOOD, open=Counter({OPEN: 4})), "stored, by the job"),
        (replace(GOOD, rejected_by_job=1), "rejected, by the job"),
        (replace(GOOD, late=Counter()), "late, by the job"),
        (replace(GOOD, duplicates=with_more(GOOD.duplicates)), "duplicates, by the job"),
    ],
    ids=["stored less", "stored more", "open", "rejected", "late", "duplicates"],
)
def test_a_record_that_is_lost_or_doubled_is_found(snapshot: ClickSnapshot, expected: str) -> None:
    found = differences(snapshot)
    assert found[0] == BALANCE
    assert expected in found


def test_waiting_records_are_a_difference_unless_allowed() -> None:
    behind = replace(GOOD, kafka={0: OffsetRange(0, 13), 1: OffsetRange(0, 12)})
    assert differences(behind) == ["waiting to be processed"]
    assert differences(behind, allow_waiting=True) == []
    assert click_checks.click_report("clicks", behind, None, None).waiting == 3


def test_before_the_first_batch_everything_waits() -> None:
    nothing: Counts = Counter()
    tables = replace(GOOD, stored=nothing, late=nothing, duplicates=nothing, exported=nothing, in_hive=nothing)
    fresh = replace(tables, state=None, open=nothing, rejected_by_job=0)
    assert differences(fresh, allow_waiting=True) == []
    assert click_checks.click_report("clicks", fresh, None, None).waiting == 22


def test_a_day_that_hive_does_not_know_is_named() -> None:
    assert differences(replace(GOOD, unknown=("day=2026-01-02",))) == ["partition day=2026-01-02 of commerce in Hive"]


@pytest.mark.parametrize(
    "exported",
    [Counter({CLOSED: 9}), Counter({CLOSED: 10, ("2026-01-01 00:00:00", "Mobile"): 1})],
    ids=["less", "a row too many"],
)
def test_mysql_must_hold_what_hive_holds(exported: Counts) -> None:
    found = differences(replace(GOOD, exported=exported))
    assert len(found) == 1
    assert found[0].startswith("in MySQL: ")


def test_windows_that_closed_after_the_export_are_a_note() -> None:
    later = ("2026-01-01 00:10:00", "mobile")
    snapshot = replace(GOOD, in_hive=GOOD.in_hive + Counter({later: 7}))
    report = click_checks.click_report("clicks", snapshot, None, None)
    assert report.differences == []
    assert report.notes == ["7 events lie in windows that closed after the newest export to MySQL"]


def test_that_nothing_is_exported_is_a_note() -> None:
    report = click_checks.click_report("clicks", replace(GOOD, exported=Counter()), None, None)
    assert report.differences == []
    assert report.notes == ["nothing is exported to MySQL yet; the DAG ecommerce_platform does it"]


def test_the_count_from_kafka_is_compared_by_window_and_source() -> None:
    moved = Counter({CLOSED: 9, OPEN: 6})
    assert differences(GOOD, again(stored=moved)) == [
        "stored, counted again: mobile at 2026-01-01 00:00:00",
        "stored, counted again: 手机 at 2026-01-01 00:05:00",
    ]
    assert differences(GOOD, again(broken=3)) == ["rejected, counted again"]


def test_late_records_by_idleness_explain_as_many_stored_ones_and_no_more() -> None:
    explained = again(stored=Counter({CLOSED: 11, OPEN: 5}), late=Counter())
    assert differences(GOOD, explained) == []
    assert "had been idle" in click_checks.click_report("clicks", GOOD, explained, None).notes[-1]
    assert differences(GOOD, again(stored=Counter({CLOSED: 12, OPEN: 5}), late=Counter())) == ["stored, counted again"]


def test_fewer_late_ones_than_the_rule_calls_for_are_found() -> None:
    assert differences(GOOD, again(late=Counter({CLOSED: 2}))) == ["late, counted again"]


def test_the_truth_is_compared_by_window_and_source() -> None:
    fewer = replace(GOOD, stored=Counter({CLOSED: 9}))
    assert "in the closed window: mobile at 2026-01-01 00:00:00" in differences(fewer, None, TRUTH)
    other = replace(GOOD, open=Counter({(OPEN[0], "téléphone"): 5}))
    found = [what for what in differences(other, None, TRUTH) if what.startswith("in the open window")]
    assert len(found) == 2


def test_planted_faults_must_be_found_as_such() -> None:
    mistaken = replace(GOOD, late=Counter(), duplicates=Counter({CLOSED: 5}))
    found = differences(mistaken, None, TRUTH)
    assert "late: mobile at 2026-01-01 00:00:00" in found
    assert "duplicates: mobile at 2026-01-01 00:00:00" in found


def test_a_broken_record_that_was_taken_is_found() -> None:
    assert "rejected" in differences(replace(GOOD, rejected_at_entry=2), None, TRUTH)


def test_events_outside_of_the_truth_are_a_note() -> None:
    other = ("2026-01-02 00:00:00", "mobile")
    snapshot = replace(GOOD, open=GOOD.open + Counter({other: 4}), kafka={0: OffsetRange(0, 14), 1: OffsetRange(0, 12)})
    report = click_checks.click_report("clicks", snapshot, None, TRUTH, allow_waiting=True)
    assert "4 events lie outside of what the truth covers" in report.notes


def test_a_truth_for_other_windows_is_refused() -> None:
    click_checks.require_same_windows(settings(), TRUTH)
    with pytest.raises(click_checks.VerifyError, match=r"windows of 300 s .* but 60 s and 300 s are set"):
        click_checks.require_same_windows(settings(clicks_window_seconds=60), TRUTH)


def test_what_kafka_removed_is_a_note() -> None:
    trimmed = replace(GOOD, kafka={0: OffsetRange(4, 10), 1: OffsetRange(0, 12)})
    assert trimmed.removed() == 4
    assert "removed its 4 oldest records" in click_checks.click_report("clicks", trimmed, None, None).notes[0]
