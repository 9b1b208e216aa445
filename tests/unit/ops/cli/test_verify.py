"""Which pipelines are checked, and how the result is shown."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
import typer

from eventmill.config import settings as settings_module
from eventmill.config.settings import Settings
from eventmill.kafka.topic_reader import OffsetRange
from eventmill.lake import committed_batches
from ops.cli import verify
from ops.cli.display import OutputFormat
from ops.datagen import ground_truth
from ops.reconciliation import click_snapshot, event_snapshot, last_check, offset_gaps, recount
from ops.reconciliation.event_snapshot import EventSnapshot
from ops.reconciliation.last_check import CheckNote, CountedOffsets
from ops.reconciliation.snapshot import Snapshot
from ops.stack.supervisor import StackError
from tests.support import settings
from tests.unit.ops.reconciliation import test_click_checks as clicks
from tests.unit.ops.reconciliation import test_event_checks as game


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> dict[str, EventSnapshot]:
    """Engines where clicks and the game are in order, with what is there of the others, for the test to change."""
    found = {"game": game.GOOD, "carts": game.GOOD}
    counted = {game.GOOD.topic: 25}

    def uncounted(_: Settings, found: Snapshot, counted: int | None = None) -> Snapshot:
        assert counted is not None
        return found

    monkeypatch.setattr(settings_module, "load", settings)
    monkeypatch.setattr(
        committed_batches, "newest_batch", lambda _settings, pipeline: 3 if pipeline in {"clicks", "game"} else None
    )
    monkeypatch.setattr(click_snapshot, "take_click_snapshot", lambda *_: clicks.GOOD)
    monkeypatch.setattr(event_snapshot, "take_event_snapshot", lambda _settings, pipeline, _noted: found[pipeline])
    monkeypatch.setattr(recount, "recount", lambda *_, **__: clicks.again())
    monkeypatch.setattr(recount, "recount_records", lambda _settings, topic, *_: counted[topic])
    monkeypatch.setattr(offset_gaps, "count_gaps", uncounted)
    monkeypatch.setattr(last_check, "read_note", lambda *_: last_check.NOT_NOTED)
    monkeypatch.setattr(last_check, "write_note", lambda *_: None)
    return found


Shown = pytest.CaptureFixture[str]


def test_all_pipelines_that_have_processed_anything_are_checked(engines: object, capsys: Shown) -> None:
    verify.verify()
    shown = capsys.readouterr().out
    assert "clicks: every record is accounted for" in shown
    assert "game: every record is accounted for" in shown
    assert "carts" not in shown


def test_the_pipelines_named_are_checked_once(engines: object, capsys: Shown) -> None:
    verify.verify(["carts", "carts"], shape=OutputFormat.json)
    assert [report["line"] for report in json.loads(capsys.readouterr().out)] == ["carts"]


def test_a_pipeline_shows_its_tables(engines: object, capsys: Shown) -> None:
    verify.verify(["game"])
    shown = capsys.readouterr().out
    assert "  duplicates " in shown
    assert "stored, in purchases " in shown


def test_one_pipeline_that_differs_is_enough_to_fail(engines: dict[str, EventSnapshot], capsys: Shown) -> None:
    engines["game"] = game.with_rows(identities=17)
    with pytest.raises(typer.Exit):
        verify.verify()
    shown = capsys.readouterr().out
    assert "clicks: every record is accounted for" in shown
    assert "game: every record" not in shown
    assert "distinct messageids in game_events" in shown


def test_that_nothing_was_processed_is_no_success(engines: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committed_batches, "newest_batch", lambda _settings, _pipeline: None)
    with pytest.raises(StackError, match="no pipeline has processed anything yet"):
        verify.verify()


def test_a_truth_needs_its_pipeline(engines: object, monkeypatch: pytest.MonkeyPatch, capsys: Shown) -> None:
    monkeypatch.setattr(ground_truth, "read_truth", lambda _: clicks.TRUTH)
    with pytest.raises(StackError, match="the truth is about clicks"):
        verify.verify(["game"], truth=Path("t.json"))
    monkeypatch.setattr(committed_batches, "newest_batch", lambda _settings, _pipeline: None)
    verify.verify(truth=Path("t.json"))
    assert capsys.readouterr().out.count("every record is accounted for") == 1


NOTED = CheckNote(time=datetime(2026, 12, 1, 10, tzinfo=UTC), batch=2, counted=CountedOffsets({0: 7, 1: 8}, 14))


@pytest.fixture
def notes(engines: dict[str, EventSnapshot], monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, CheckNote]]:
    """The notes that are left, each with its pipeline; the game was checked before, with 14 records and one end."""
    left: list[tuple[str, CheckNote]] = []

    def gather(_: Settings, pipeline: str, noted: last_check.Found) -> EventSnapshot:
        return replace(engines[pipeline], before=noted.note, after=CheckNote(batch=3))

    monkeypatch.setattr(event_snapshot, "take_event_snapshot", gather)
    monkeypatch.setattr(last_check, "read_note", lambda *_: last_check.Found(NOTED))
    monkeypatch.setattr(last_check, "write_note", lambda _, pipeline, note: left.append((pipeline, note)))
    monkeypatch.setattr(
        offset_gaps, "count_gaps", lambda _settings, found, counted: replace(found, gaps=25 - (counted or 25))
    )
    monkeypatch.setattr(
        recount, "recount_records", lambda _settings, _topic, limits, _: sum(h.end - h.first for h in limits.values())
    )
    return left


def test_only_what_is_new_is_counted_and_noted_with_the_rest(
    engines: dict[str, EventSnapshot], notes: list[tuple[str, CheckNote]], capsys: Shown
) -> None:
    engines["game"] = replace(
        game.with_rows(stored=17, identities=17), state=game.with_totals(records=24, stored=17).state
    )
    verify.verify(["game"], shape=OutputFormat.json)
    [report] = json.loads(capsys.readouterr().out)
    assert report["taken"] == {"time": "2026-12-01T10:00:00Z", "days": 0, "of_days": 0, "records": 14, "of_records": 24}
    assert "14 of 24 records" in report["notes"][0]
    assert [(pipeline, note.batch, note.counted) for pipeline, note in notes] == [
        ("game", 3, CountedOffsets({0: 12, 1: 13}, 24))
    ]


def test_with_all_nothing_is_taken_from_the_note(notes: list[tuple[str, CheckNote]], capsys: Shown) -> None:
    verify.verify(["game"], everything=True, shape=OutputFormat.json)
    [report] = json.loads(capsys.readouterr().out)
    assert (report["taken"], report["notes"]) == (None, [])
    assert [note.counted for _, note in notes] == [CountedOffsets({0: 12, 1: 13}, 25)]


def test_without_a_count_what_was_counted_stays_noted(
    engines: dict[str, EventSnapshot], notes: list[tuple[str, CheckNote]]
) -> None:
    verify.verify(["game"], recount=False)
    assert [note.counted for _, note in notes] == [NOTED.counted]


def test_a_check_that_does_not_hold_leaves_no_note(
    engines: dict[str, EventSnapshot], notes: list[tuple[str, CheckNote]]
) -> None:
    engines["game"] = game.with_rows(identities=17)
    with pytest.raises(typer.Exit):
        verify.verify(["game"], everything=True)
    assert notes == []


def test_a_check_holds_though_hdfs_does_not_take_its_note(
    notes: object, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    def refuse(*_: object) -> None:
        raise requests.HTTPError("safe mode")

    monkeypatch.setattr(last_check, "write_note", refuse)
    verify.verify(["game"], everything=True)
    shown = capsys.readouterr()
    assert "game: every record is accounted for" in shown.out
    assert "HDFS did not take its note: safe mode" in shown.err


def test_clicks_go_on_with_the_views_that_were_counted(
    notes: list[tuple[str, CheckNote]], monkeypatch: pytest.MonkeyPatch
) -> None:
    views = clicks.again().views()
    before = CheckNote(batch=2, counted=CountedOffsets({0: 7, 1: 8}, 15, views))
    given: list[object] = []

    def count(_settings: Settings, _topic: str, limits: object, _: object, **how: object) -> recount.Recount:
        given.extend([limits, how["before"]])
        return clicks.again()

    monkeypatch.setattr(
        click_snapshot, "take_click_snapshot", lambda *_: replace(clicks.GOOD, before=before, after=CheckNote(batch=3))
    )
    monkeypatch.setattr(recount, "recount", count)
    monkeypatch.setattr(offset_gaps, "count_gaps", lambda _settings, found, _counted: found)
    verify.verify(["clicks"])
    assert given == [{0: OffsetRange(7, 10), 1: OffsetRange(8, 12)}, views]
    assert [note.counted for _, note in notes] == [CountedOffsets({0: 10, 1: 12}, 22, views)]


def test_that_the_note_was_left_aside_is_said(engines: dict[str, EventSnapshot], capsys: Shown) -> None:
    engines["game"] = replace(game.GOOD, ignored="its note cannot be read")
    verify.verify(["game"])
    assert "everything asked for again: its note cannot be read" in " ".join(capsys.readouterr().out.split())
