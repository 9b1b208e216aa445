"""The note of the last check counts only for what it was about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import pytest
from msgspec.structs import replace

from eventmill.config.settings import Settings
from eventmill.lake import webhdfs
from ops.reconciliation import last_check
from ops.reconciliation.last_check import CheckNote, CountedOffsets, Day, Found
from spark_jobs.state.state_store import State
from spark_jobs.state.watermark import Partition, Progress
from tests.support import settings

PROGRESS = Progress(100, 0, {0: Partition(10, 5), 1: Partition(20)})
STATE = State(4, 300, PROGRESS)
NOTE = CheckNote(
    time=datetime(2026, 12, 1, 10, tzinfo=UTC),
    topic="clicks",
    topic_id="a",
    rules=last_check.rules(settings(), "clicks"),
    batch=4,
    progress=PROGRESS,
    counted=CountedOffsets({0: 10, 1: 20}, 29),
    days={"commerce": {"day=2026-01-01": Day("/eventmill/clicks/x", "0a", [("2026-01-01 00:00:00", "手机", 3)], 7)}},
)


@pytest.fixture
def hdfs(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The files on HDFS."""
    files: dict[str, bytes] = {}
    monkeypatch.setattr(webhdfs, "exists", lambda _, path: path in files)
    monkeypatch.setattr(webhdfs, "read", lambda _, path: files[path])
    monkeypatch.setattr(webhdfs, "write", lambda _, content, path: files.update({path: content}))
    return files


def test_what_was_written_is_read(hdfs: dict[str, bytes]) -> None:
    assert last_check.read_note(settings(), "clicks") == last_check.NOT_NOTED
    last_check.write_note(settings(), "clicks", NOTE)
    assert list(hdfs) == ["/eventmill/clicks/checked.json"]
    assert last_check.read_note(settings(), "clicks") == Found(NOTE)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cannot be read"),
        (msgspec.json.encode(NOTE)[:-9], "cannot be read"),
        (b'{"version": 1, "batch": "four"}', "cannot be read"),
        (b'{"version": 2, "days": 1}', "another version"),
    ],
)
def test_a_note_that_is_none_is_left_aside(hdfs: dict[str, bytes], content: bytes, reason: str) -> None:
    hdfs["/eventmill/clicks/checked.json"] = content
    found = last_check.read_note(settings(), "clicks")
    assert not found.note
    assert reason in found.ignored


def usable(now: CheckNote = NOTE, state: State | None = STATE) -> Found:
    """The note as a check at that moment finds it."""
    return last_check.usable(Found(NOTE), now, state)


def test_a_note_counts_while_the_job_goes_on() -> None:
    assert usable() == Found(NOTE)
    later = Progress(200, 0, {0: Partition(11), 1: Partition(20), 2: Partition(1)})
    assert usable(state=State(5, 300, later)) == Found(NOTE)


@pytest.mark.parametrize(
    "change",
    [lambda note: replace(note, topic="other"), lambda note: replace(note, topic_id="b")],
    ids=["another topic", "created again"],
)
def test_a_note_about_another_topic_is_left_aside(change: Callable[[CheckNote], CheckNote]) -> None:
    found = usable(change(NOTE))
    assert not found.note
    assert "is not the one that it was about" in found.ignored


@pytest.mark.parametrize("name", ["clicks_window_seconds", "clicks_watermark_seconds", "max_event_time_ahead_seconds"])
def test_a_note_by_other_settings_is_left_aside(name: str) -> None:
    found = usable(replace(NOTE, rules=last_check.rules(settings(**{name: 120}), "clicks")))
    assert not found.note
    assert "were set otherwise" in found.ignored


@pytest.mark.parametrize(
    "state",
    [
        None,
        State(3, 300, PROGRESS),
        State(9, 300, replace(PROGRESS, closed=99)),
        State(9, 300, replace(PROGRESS, partitions={0: Partition(9), 1: Partition(20)})),
        State(9, 300, replace(PROGRESS, partitions={0: Partition(10)})),
    ],
    ids=["none", "batch", "watermark", "offset", "partition"],
)
def test_a_note_about_a_later_state_than_there_is_is_left_aside(state: State | None) -> None:
    found = usable(state=state)
    assert not found.note
    assert "a later state of the job" in found.ignored


def test_that_there_was_no_check_has_no_reason() -> None:
    assert last_check.usable(last_check.NOT_NOTED, NOTE, STATE) == last_check.NOT_NOTED


@pytest.mark.parametrize("pipeline", ["clicks", "carts", "game", "orders", "visits"])
def test_each_pipeline_has_the_rules_that_it_judges_by(pipeline: str) -> None:
    names = set(last_check.rules(settings(), pipeline))
    expected = {f"{pipeline}_watermark_seconds", "max_event_time_ahead_seconds"}
    assert names - {f"{pipeline}_window_seconds"} == expected
    assert (f"{pipeline}_window_seconds" in names) == (f"{pipeline}_window_seconds" in Settings.model_fields)


def test_what_is_taken_is_said_in_a_sentence() -> None:
    taken = last_check.Taken(NOTE.time, 97, 98, 28_900_000, 29_000_000)
    assert taken.text() == (
        "taken from the check of 2026-12-01 10:00:00 UTC: 97 of 98 days of tables, 28,900,000 of 29,000,000 records"
    )
    without_tables = last_check.Taken(NOTE.time, 0, 0, 7, 8)
    assert without_tables.text() == "taken from the check of 2026-12-01 10:00:00 UTC: 7 of 8 records"
