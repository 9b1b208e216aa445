"""Editing until the contract is kept or the user gives up, and what the commands show."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import typer

from eventmill.config import settings as settings_module
from eventmill.kafka import dead_letters
from eventmill.kafka.dead_letters import RecordId, Rejected, RejectedError
from eventmill.kafka.replay import ReplayResult
from ops.cli import rejected
from ops.maintenance.dead_letter_editor import Draft
from tests.support import settings
from tests.unit.eventmill.kafka.test_replay import EVENT, GAME


@pytest.fixture
def record() -> Rejected:
    """An event with two faults: an empty host, and a cost that is text."""
    value = msgspec.json.encode(EVENT | {"Host": "", "cost": "ten"})
    return Rejected("api", ("r", "0"), "Host: too short", datetime(2026, 1, 1, tzinfo=UTC), value, RecordId(0, 17))


def editor(folder: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Let the editor do one of these lines of shell each time it opens; the file is $1."""
    path = folder / "editor"
    cases = "\n".join(f"  {number}) {line} ;;" for number, line in enumerate(lines))
    count = f'n=$(cat "{folder}/n" 2>/dev/null || echo 0)\necho $((n + 1)) > "{folder}/n"'
    path.write_text(f"#!/bin/sh\n{count}\ncase $n in\n{cases}\nesac\n")
    path.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(path))


HOST, COST = """sed -i 's/"Host": ""/"Host": "h"/' "$1\"""", """sed -i 's/"ten"/10/' "$1\""""


def test_the_text_is_offered_again_until_it_keeps_the_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], record: Rejected
) -> None:
    editor(tmp_path, monkeypatch, HOST, COST)
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: True)
    draft = Draft(record.value, "events-0-17")
    outgoing = rejected._edited(GAME, record, draft)
    draft.done()
    assert msgspec.json.decode(outgoing.value) == EVENT | {"Host": "h", "cost": 10}
    assert outgoing.key == b"h"
    assert "still breaks the contract: cost: expected `int | null`, got `str`" in capsys.readouterr().err


def test_who_gives_up_finds_the_text_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: Rejected) -> None:
    editor(tmp_path, monkeypatch, HOST)
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: False)
    draft = Draft(record.value, "events-0-17")
    with pytest.raises(RejectedError, match=f"nothing was sent; the text is in {draft.path}"):
        rejected._edited(GAME, record, draft)
    assert b'"Host": "h"' in draft.path.read_bytes()
    draft.done()


def test_nothing_changed_is_nothing_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: Rejected) -> None:
    editor(tmp_path, monkeypatch, "true")
    with pytest.raises(RejectedError, match=r"nothing was changed .* eventmill rejected replay events 0-17"):
        rejected._edited(GAME, record, Draft(record.value, "events-0-17"))


def test_fields_that_are_set_must_mend_all(record: Rejected) -> None:
    with pytest.raises(RejectedError, match=r"still breaks the contract: Host: .*; nothing was sent"):
        rejected._set(GAME, record, ["cost=10"])
    assert rejected._set(GAME, record, ["cost=10", "Host=h"]).key == b"h"


def test_all_that_is_wrong_is_shown(capsys: pytest.CaptureFixture[str], record: Rejected) -> None:
    rejected._show_difference(GAME, record.value)
    shown = capsys.readouterr().out
    assert "breaks GameEvent:\n  Host: expected `str` of length >= 1\n  cost: expected `int | null`, got `str`" in shown


def test_one_record_that_is_left_is_one_sentence_and_several_are_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    left = {RecordId(0, 1): "breaks the contract: Host: missing"}
    with pytest.raises(RejectedError, match="rejected record 0-1 breaks the contract: Host: missing"):
        rejected._show_result("events", ReplayResult(0, left), named=1)
    with pytest.raises(RejectedError, match="1 of 2 records were not replayed"):
        rejected._show_result("events", ReplayResult(1, left), named=2)
    rejected._show_result("events", ReplayResult(1, left), named=0)
    assert "1 rejected records were replayed to events, 1 were left" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("limit", "shown", "told"),
    [
        (2, ["1-0", "0-2"], "the newest 2 of 4 rejected records; for more: --limit 4"),
        (20, ["1-0", "0-2", "0-1", "0-0"], "the newest 4 of 4 rejected records"),
    ],
)
def test_the_newest_come_first_and_all_are_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], limit: int, shown: list[str], told: str
) -> None:
    seconds = {RecordId(0, 0): 1, RecordId(0, 1): 2, RecordId(0, 2): 3, RecordId(1, 0): 4}
    records = [
        Rejected("api", (str(place), "0"), "bad", datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC), b"{}", place)
        for place, second in sorted(seconds.items(), reverse=True)
    ]
    monkeypatch.setattr(settings_module, "load", settings)
    monkeypatch.setattr(dead_letters, "history", lambda *_: dead_letters.History())
    monkeypatch.setattr(dead_letters, "read_dead_letters", lambda *_: iter(records))
    rejected.list_all("clicks", limit=limit)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines if ":0 " in line] == shown
    assert lines[-1] == told


def test_the_start_of_a_value_ends_between_characters(record: Rejected) -> None:
    long = Rejected("api", ("r", "0"), "bad", record.received, ("手" * 100).encode(), RecordId(0, 1))
    assert rejected._row(long, dead_letters.History())[4] == "手" * rejected.PREVIEW


def test_rejected_text_is_no_markup(record: Rejected) -> None:
    strange = Rejected("nifi", ("[red].json", "1"), "[bold]", record.received, b"[/]", RecordId(0, 1))
    assert rejected._row(strange, dead_letters.History())[1] == "[red].json:1"
