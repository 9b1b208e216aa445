"""The checks of a pipeline of single events find a record that went astray, and nothing where all is in order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from eventmill.kafka.topic_reader import OffsetRange
from ops.reconciliation import event_checks
from ops.reconciliation.event_snapshot import EventSnapshot, StoredRows, TablePart
from spark_jobs.state.state_store import State, Totals
from spark_jobs.state.watermark import Partition, Progress

STATE = State(
    batch=3,
    window_seconds=None,
    progress=Progress(partitions={0: Partition(12), 1: Partition(13)}),
    totals=Totals(records=25, stored=18, rejected=3, duplicates=4),
)
ROWS = StoredRows(
    stored=18, identities=18, duplicates=4, parts={"purchases": TablePart(6, 6), "guilds": TablePart(2, 2)}
)
GOOD = EventSnapshot(
    topic="events",
    kafka={0: OffsetRange(0, 12), 1: OffsetRange(0, 13)},
    state=STATE,
    rejected_by_job=3,
    rejected_at_entry=1,
    table="game_events",
    rows=ROWS,
)
BALANCE = "accepted = all that became of it"
STORED, DUPLICATES, IDENTITIES = "stored, by the job", "duplicates, by the job", "distinct messageids in game_events"


def differences(snapshot: EventSnapshot, *, allow_waiting: bool = False) -> list[str]:
    """What the report says differs."""
    return [each.what for each in event_checks.event_report("game", snapshot, allow_waiting=allow_waiting).differences]


def with_rows(**changes: Any) -> EventSnapshot:
    """GOOD, but for these changes of its rows."""
    return replace(GOOD, rows=replace(ROWS, **changes))


def with_totals(**changes: int) -> EventSnapshot:
    """GOOD, but for these changes of what the job has counted."""
    totals = {name: getattr(STATE.totals, name) for name in Totals.__struct_fields__} | changes
    return replace(GOOD, state=State(STATE.batch, None, STATE.progress, Totals(**totals)))


def test_nothing_differs_where_all_is_in_order() -> None:
    assert differences(GOOD) == []


def test_what_kafka_removed_unread_is_named_and_the_balance_holds() -> None:
    totals = Totals(records=25, stored=18, rejected=3, duplicates=4, lost=5)
    state = State(4, None, Progress(partitions={0: Partition(17), 1: Partition(13)}), totals)
    report = event_checks.event_report(
        "game", replace(GOOD, state=state, kafka={0: OffsetRange(8, 17), 1: OffsetRange(0, 13)})
    )
    assert report.differences == []
    assert (report.accepted, report.lost) == (30, 5)
    assert ("  lost", 5) in list(report.rows())
    assert "  lost" not in dict(event_checks.event_report("game", GOOD).rows())


def test_an_order_whose_event_is_not_stored_is_found_once_nothing_waits() -> None:
    parted = replace(GOOD, promised=7, kept=6)
    assert differences(parted) == ["rows of the database whose events are in game_events"]
    behind = replace(parted, kafka={0: OffsetRange(0, 12), 1: OffsetRange(0, 14)})
    assert differences(behind, allow_waiting=True) == []


def test_the_report_has_every_part_of_the_balance_and_every_table() -> None:
    report = event_checks.event_report("game", GOOD)
    parts = (report.stored, report.rejected, report.duplicates, report.late, report.waiting)
    assert report.accepted == sum(parts) == 25
    assert parts == (18, 3, 4, 0, 0)
    assert dict(report.rows()) == {
        "accepted": 25,
        "  stored": 18,
        "  rejected": 3,
        "  duplicates": 4,
        "  late": 0,
        "  waiting": 0,
        "rejected at entry": 1,
        "stored, in purchases": 6,
        "stored, in guilds": 2,
    }


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (with_rows(stored=17, identities=17), [BALANCE, STORED]),
        (with_rows(stored=19), [BALANCE, STORED, IDENTITIES]),
        (with_rows(duplicates=3), [BALANCE, DUPLICATES]),
        (with_rows(late=1), [BALANCE, "late, by the job"]),
        (replace(GOOD, rejected_by_job=2), [BALANCE, "rejected, by the job"]),
        (with_rows(identities=17), [IDENTITIES]),
    ],
    ids=["a row missing", "a row doubled", "a copy missing", "one late", "one not rejected", "one instead of another"],
)
def test_a_record_that_is_lost_or_doubled_is_found(snapshot: EventSnapshot, expected: list[str]) -> None:
    assert differences(snapshot) == expected


def test_a_pipeline_may_have_late_records() -> None:
    late = with_totals(stored=16, late=2)
    assert differences(replace(late, rows=replace(ROWS, stored=16, identities=16, late=2))) == []


def test_waiting_records_are_a_difference_unless_allowed() -> None:
    behind = replace(GOOD, kafka={0: OffsetRange(0, 12), 1: OffsetRange(0, 20)})
    assert differences(behind) == ["waiting to be processed"]
    assert differences(behind, allow_waiting=True) == []
    report = event_checks.event_report("game", behind)
    assert (report.accepted, report.waiting) == (32, 7)


def test_before_the_first_batch_everything_waits() -> None:
    fresh = replace(GOOD, state=None, rows=StoredRows(), rejected_by_job=0)
    assert differences(fresh, allow_waiting=True) == []
    assert event_checks.event_report("game", fresh).waiting == 25


@pytest.mark.parametrize("rows", [5, 7])
def test_a_table_of_some_events_that_differs_from_that_of_all_is_named(rows: int) -> None:
    found = event_checks.event_report("game", with_rows(parts={"purchases": TablePart(6, rows)})).differences
    assert [(each.what, each.expected, each.found) for each in found] == [
        ("rows of purchases, by the labels in game_events", 6, rows)
    ]


@pytest.mark.parametrize("total", ["records", "stored", "rejected", "late", "duplicates"])
def test_a_job_that_has_counted_something_else_is_found(total: str) -> None:
    assert differences(with_totals(**{total: 99})) == [f"{total}, by the job"]


def test_offsets_that_hold_no_record_are_not_accepted() -> None:
    replayed = replace(GOOD, kafka={0: OffsetRange(0, 13), 1: OffsetRange(0, 14)}, gaps_behind=2)
    assert differences(replayed) == []
    assert event_checks.event_report("game", replayed).accepted == 25


def test_a_topic_that_ends_before_what_the_job_has_processed_is_found() -> None:
    made_anew = replace(GOOD, kafka={0: OffsetRange(0, 5)})
    assert "end of partition 0 of events, at least" in differences(made_anew, allow_waiting=True)
    assert "end of partition 1 of events, at least" in differences(made_anew, allow_waiting=True)


def test_a_day_that_hive_does_not_know_is_named() -> None:
    assert differences(replace(GOOD, unknown={"guilds": ["day=2026-01-02"]})) == [
        "partition day=2026-01-02 of guilds in Hive"
    ]


def test_where_kafka_removed_records_the_job_tells_how_many_came() -> None:
    trimmed = replace(GOOD, kafka={0: OffsetRange(4, 12), 1: OffsetRange(0, 13)})
    assert differences(trimmed) == []
    assert differences(replace(trimmed, rows=replace(ROWS, duplicates=3))) == [BALANCE, DUPLICATES]
    assert "removed its 4 oldest records" in event_checks.event_report("game", trimmed).notes[0]
