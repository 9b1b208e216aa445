"""Offsets without a record are no records: counted by reading Kafka, where that is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from eventmill.config.settings import Settings
from eventmill.kafka import topic_reader
from eventmill.kafka.topic_reader import OffsetRange
from ops.reconciliation import checks, click_checks, offset_gaps
from ops.reconciliation.last_check import CheckNote, CountedOffsets
from spark_jobs.state.state_store import State, Totals
from spark_jobs.state.watermark import Partition, Progress
from tests.support import settings
from tests.unit.ops.reconciliation.test_click_checks import GOOD

Limits = Mapping[int, OffsetRange]


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> set[tuple[int, int]]:
    """Partition and offset of what holds no record, for the test to fill."""
    offsets: set[tuple[int, int]] = set()

    @contextmanager
    def consumer(_: Settings) -> Iterator[None]:
        yield

    def count(_client: object, _topic: str, limits: Limits) -> int:
        return sum((n, offset) not in offsets for n, held in limits.items() for offset in range(held.first, held.end))

    monkeypatch.setattr(topic_reader, "consumer", consumer)
    monkeypatch.setattr(topic_reader, "count_records", count)
    return offsets


def test_there_are_none_where_nothing_was_replayed(silent: set[tuple[int, int]]) -> None:
    assert offset_gaps.count_gaps(settings(), GOOD) == GOOD


def test_the_end_of_a_transaction_behind_the_state_is_not_waiting(silent: set[tuple[int, int]]) -> None:
    silent.add((0, 10))
    snapshot = offset_gaps.count_gaps(settings(), replace(GOOD, kafka={0: OffsetRange(0, 11), 1: OffsetRange(0, 12)}))
    report = click_checks.click_report("clicks", snapshot, None, None)
    assert (report.accepted, report.waiting, report.differences) == (22, 0, [])


@pytest.mark.parametrize("counted", [None, 20])
def test_gaps_among_what_was_counted_are_not_accepted(silent: set[tuple[int, int]], counted: int | None) -> None:
    silent |= {(0, 3), (0, 4)}
    snapshot = replace(GOOD, stored=GOOD.stored.copy())
    snapshot.stored[next(iter(snapshot.stored))] -= 2
    found = offset_gaps.count_gaps(settings(), snapshot, counted)
    assert found.gaps == 2
    assert checks.is_balanced(found)
    assert click_checks.click_report("clicks", found, None, None).accepted == 20


def test_a_record_that_is_lost_is_no_gap(silent: set[tuple[int, int]]) -> None:
    found = offset_gaps.count_gaps(settings(), replace(GOOD, rejected_by_job=1))
    assert found.gaps == 0
    assert not checks.is_balanced(found)


def test_where_kafka_has_removed_records_the_job_tells_how_many_there_were(silent: set[tuple[int, int]]) -> None:
    silent.add((1, 7))
    state = State(3, 300, Progress(partitions={0: Partition(11), 1: Partition(12)}), Totals(records=22))
    found = offset_gaps.count_gaps(
        settings(), replace(GOOD, kafka={0: OffsetRange(4, 11), 1: OffsetRange(0, 12)}, state=state)
    )
    assert (found.gaps, found.counted()) == (0, 22)
    assert checks.is_balanced(found)


def before(offsets: dict[int, int], records: int) -> CheckNote:
    """What the last check has counted."""
    return CheckNote(batch=1, counted=CountedOffsets(offsets, records))


def test_what_was_counted_before_is_not_read_again(
    silent: set[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    silent |= {(0, 3), (1, 11)}
    read: list[dict[int, OffsetRange]] = []
    count = topic_reader.count_records

    def kept(client: Any, topic: str, limits: Limits) -> int:
        read.append(dict(limits))
        return count(client, topic, limits)

    monkeypatch.setattr(topic_reader, "count_records", kept)
    snapshot = replace(GOOD, stored=GOOD.stored.copy(), before=before({0: 9, 1: 10}, 18), gaps=1)
    snapshot.stored[next(iter(snapshot.stored))] -= 2
    found = offset_gaps.count_gaps(settings(), snapshot)
    assert (found.gaps, found.counted()) == (2, 20)
    assert read[-1] == {0: OffsetRange(9, 10), 1: OffsetRange(10, 12)}


def test_records_that_kafka_removed_after_they_were_counted_are_counted(silent: set[tuple[int, int]]) -> None:
    trimmed = replace(GOOD, kafka={0: OffsetRange(8, 10), 1: OffsetRange(0, 12)}, before=before({0: 8, 1: 3}, 11))
    assert trimmed.removed() == 0
    assert trimmed.uncounted() == {0: OffsetRange(8, 10), 1: OffsetRange(3, 12)}
    found = offset_gaps.count_gaps(settings(), trimmed, 11 + 2 + 9)
    assert (found.gaps, found.counted()) == (0, 22)
    report = click_checks.click_report("clicks", found, None, None)
    assert report.differences == []
    assert not any("removed" in note for note in report.notes)


def test_records_that_kafka_removed_uncounted_are_told(silent: set[tuple[int, int]]) -> None:
    trimmed = replace(GOOD, kafka={0: OffsetRange(9, 10), 1: OffsetRange(0, 12)}, before=before({0: 8, 1: 3}, 11))
    assert trimmed.removed() == 9
