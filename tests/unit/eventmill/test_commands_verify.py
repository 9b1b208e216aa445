"""Which lines are checked, and how the result is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from eventmill import batches, event_evidence, evidence, gaps, recount, truth
from eventmill import settings as settings_module
from eventmill.commands import verify
from eventmill.commands.display import Shape
from eventmill.event_evidence import EventEvidence
from eventmill.line_evidence import LineEvidence
from eventmill.settings import Settings
from eventmill.supervisor import StackError
from tests.support import settings
from tests.unit.eventmill import test_verify as clicks
from tests.unit.eventmill import test_verify_events as game


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> dict[str, EventEvidence]:
    """Engines where clicks and the game are in order, with what is there of the other lines, for the test to change."""
    found = {"game": game.GOOD, "carts": game.GOOD}
    counted = {game.GOOD.topic: 25}

    def uncounted(_: Settings, found: LineEvidence, counted: int | None = None) -> LineEvidence:
        assert counted is not None
        return found

    monkeypatch.setattr(settings_module, "load", settings)
    monkeypatch.setattr(batches, "newest", lambda _settings, line: 3 if line in {"clicks", "game"} else None)
    monkeypatch.setattr(evidence, "gather", lambda _settings, _line: clicks.GOOD)
    monkeypatch.setattr(event_evidence, "gather", lambda _settings, line: found[line])
    monkeypatch.setattr(recount, "recount", lambda *_, **__: clicks.again())
    monkeypatch.setattr(recount, "count", lambda _settings, topic, *_: counted[topic])
    monkeypatch.setattr(gaps, "count", uncounted)
    return found


Shown = pytest.CaptureFixture[str]


def test_all_lines_that_have_processed_anything_are_checked(engines: object, capsys: Shown) -> None:
    verify.verify()
    shown = capsys.readouterr().out
    assert "clicks: every record is accounted for" in shown
    assert "game: every record is accounted for" in shown
    assert "carts" not in shown


def test_the_lines_named_are_checked_once(engines: object, capsys: Shown) -> None:
    verify.verify(["carts", "carts"], shape=Shape.json)
    assert [report["line"] for report in json.loads(capsys.readouterr().out)] == ["carts"]


def test_a_line_shows_its_tables(engines: object, capsys: Shown) -> None:
    verify.verify(["game"])
    shown = capsys.readouterr().out
    assert "  duplicates " in shown
    assert "stored, in purchases " in shown


def test_one_line_that_differs_is_enough_to_fail(engines: dict[str, EventEvidence], capsys: Shown) -> None:
    engines["game"] = game.with_rows(identities=17)
    with pytest.raises(typer.Exit):
        verify.verify()
    shown = capsys.readouterr().out
    assert "clicks: every record is accounted for" in shown
    assert "game: every record" not in shown
    assert "distinct messageids in game_events" in shown


def test_that_nothing_was_processed_is_no_success(engines: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "newest", lambda _settings, _line: None)
    with pytest.raises(StackError, match="no line has processed anything yet"):
        verify.verify()


def test_a_truth_needs_its_line(engines: object, monkeypatch: pytest.MonkeyPatch, capsys: Shown) -> None:
    monkeypatch.setattr(truth, "read", lambda _: clicks.TRUTH)
    with pytest.raises(StackError, match="the truth is about clicks"):
        verify.verify(["game"], truth=Path("t.json"))
    monkeypatch.setattr(batches, "newest", lambda _settings, _line: None)
    verify.verify(truth=Path("t.json"))
    assert capsys.readouterr().out.count("every record is accounted for") == 1
