"""Every command that shows events or the words of servers: whatever they hold, it is shown, and does nothing."""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import typer
from hypothesis import given, settings

from eventmill.config import logs
from eventmill.config import settings as settings_module
from eventmill.config.settings import ROOT
from eventmill.databases import leaderboard as leaders
from eventmill.databases import query_engines
from eventmill.kafka import dead_letters, watch
from eventmill.kafka.dead_letters import RecordId, Rejected, RejectedError
from eventmill.kafka.replay import ReplayResult
from eventmill.text.printable import decoded, visible
from eventmill.text.terminal import Console
from ops.cli import data, main, rejected, sql
from ops.cli import demo as demo_commands
from ops.cli import verify as verify_commands
from ops.reconciliation.checks import Difference
from ops.reports import demo
from tests.support import settings as values
from tests.unit.any_text import any_text
from tests.unit.eventmill.kafka.test_replay import EVENT
from tests.unit.ops.reconciliation.test_event_checks import GOOD

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Patch = pytest.MonkeyPatch


def leaderboard(patch: Patch, text: str) -> None:
    board = leaders.Leaderboard(NOW, NOW, (leaders.Leader(text, 1, 0, 0),))
    patch.setattr(leaders, "top_users", lambda *_: board)
    sql.leaderboard(once=True)


def ask(patch: Patch, text: str) -> None:
    patch.setitem(query_engines.ENGINES, "presto", lambda *_: query_engines.QueryResult((text, "n"), ((text, 1),)))
    sql.ask(sql.Engine.presto, "SELECT 1")


def compare(patch: Patch, text: str) -> None:
    answers = {"presto": text, "hive": f"{text}!", "spark": text}
    for engine, answer in answers.items():
        patch.setitem(
            query_engines.ENGINES, engine, lambda *_, answer=answer: query_engines.QueryResult(("host",), ((answer,),))
        )
    with pytest.raises(typer.Exit):
        sql.ask_named("game-hosts", compare=True)


def watch_topic(patch: Patch, text: str) -> None:
    raw = text.encode(errors="surrogatepass")
    record = SimpleNamespace(partition=0, offset=1, timestamp=0, key=raw, value=raw, headers=[(text, raw)])
    patch.setattr(watch, "watch_records", lambda *_: iter([record]))
    data.watch("clicks")


def broken(text: str) -> Rejected:
    raw = text.encode(errors="surrogatepass")
    headers = (("source.topic", raw), (f"source.{text}", raw))
    return Rejected("spark", (text, "0", "7"), text, NOW, raw, RecordId(0, 17), raw, headers)


def patch_rejected(patch: Patch, record: Rejected) -> None:
    history = dead_letters.History({record.place: record.identity})
    patch.setattr(dead_letters, "history", lambda *_: history)
    patch.setattr(dead_letters, "read_dead_letters", lambda *_: iter([record]))
    patch.setattr(dead_letters, "one", lambda *_: record)


def rejected_list(patch: Patch, text: str) -> None:
    patch_rejected(patch, broken(text))
    rejected.list_all("clicks", limit=20)


def rejected_show(patch: Patch, text: str) -> None:
    patch_rejected(patch, broken(text))
    rejected.show("clicks", "0-17")


def rejected_fields(patch: Patch, text: str) -> None:
    """A field's name, which a message of the contract repeats, and its value."""
    sound = decoded(text.encode(errors="replace"))
    value = EVENT | {"Host": sound, sound: sound, "cost": sound}
    patch_rejected(patch, Rejected("api", ("r", "0"), text, NOW, msgspec.json.encode(value), RecordId(0, 17)))
    rejected.show("events", "0-17")


def rejected_edit(patch: Patch, text: str) -> None:
    sound = decoded(text.encode(errors="replace"))
    patch_rejected(patch, Rejected("api", ("r", "0"), text, NOW, msgspec.json.encode(EVENT), RecordId(0, 17)))
    rejected.edit("events", "0-17", [f"Host=h{sound}"], dry_run=True)


def rejected_replay(_patch: Patch, text: str) -> None:
    rejected._show_result("events", ReplayResult(0, {RecordId(0, 1): text}), named=0)


def verify(_patch: Patch, text: str) -> None:
    from ops.reconciliation import event_checks

    report = event_checks.event_report("game", GOOD)
    wrong = [Difference(text, 1, 2)]
    changed = msgspec.structs.replace(report, differences=wrong, notes=[text])
    verify_commands._show(changed)


def platforms(patch: Patch, text: str) -> None:
    patch.setattr(demo, "final_counts", lambda _: [])
    patch.setattr(demo, "open_counts", lambda _: [(NOW, text, 3)])
    demo_commands._show_platforms(values(), Console())


def error(patch: Patch, text: str) -> None:
    end(patch, RejectedError(text))


def stack_trace(patch: Patch, text: str) -> None:
    end(patch, ZeroDivisionError(text))


def end(patch: Patch, error: Exception) -> None:
    def fail() -> None:
        raise error

    patch.setattr(main, "app", fail)
    with pytest.raises(SystemExit):
        main.main()


def log(_patch: Patch, text: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logs.Form(logs.FORM))
    try:
        raise ValueError(text)
    except ValueError as raised:
        found = (type(raised), raised, None)
    handler.emit(logging.LogRecord("api", logging.ERROR, "", 0, "said: %s", (text,), found))


COMMANDS: list[Callable[[Patch, str], None]] = [
    *(leaderboard, ask, compare, watch_topic, platforms, verify, error, stack_trace, log),
    *(rejected_list, rejected_show, rejected_fields, rejected_edit, rejected_replay),
]


def shown(command: Callable[[Patch, str], None], text: str) -> str:
    """What a command prints, on both streams, that shows this text."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with Patch.context() as patch, redirect_stdout(out), redirect_stderr(out):
        patch.setattr(settings_module, "load", values)
        patch.setenv("COLUMNS", "1000")
        command(patch, text)
        out.flush()
    buffer: Any = out.buffer
    return str(buffer.getvalue().decode())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(text=any_text())
def test_no_text_acts_on_the_terminal(command: Callable[[Patch, str], None], text: str) -> None:
    found = shown(command, text)
    assert found.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if c is not rejected_edit], ids=lambda command: command.__name__
)
@pytest.mark.parametrize("text", ["team [/b]", "desk[top]", "a\x1b[2Jb", "a\u202eb\x00c", "\\x1b :smile:"])
def test_a_text_is_shown_as_it_is_or_as_escapes(command: Callable[[Patch, str], None], text: str) -> None:
    assert visible(text) in shown(command, text)


@pytest.mark.parametrize("shape", ["csv", "json"])
def test_a_machine_gets_the_text_itself(shape: str) -> None:
    text = "a\x1b[2J\u202e [/b] \\x1b\x9b31m"
    result = query_engines.QueryResult((text,), ((text,),))

    def asked(patch: Patch, _text: str) -> None:
        patch.setitem(query_engines.ENGINES, "presto", lambda *_: result)
        sql.ask(sql.Engine.presto, "SELECT 1", sql.ResultFormat(shape))

    assert (
        shown(asked, text) == f"{query_engines.as_csv(result) if shape == 'csv' else query_engines.as_json(result)}\n"
    )


@pytest.mark.parametrize("module", sorted((ROOT / "ops" / "cli").glob("*.py")), ids=lambda path: path.stem)
def test_commands_print_by_the_one_module_that_makes_text_safe(module: Path) -> None:
    if module.stem in ("display", "main"):  # main makes the one sentence of an error safe itself
        return
    ways = r"rich\.console import .*Console|typer\.s?echo|rich\.markup|(?<!\.)\bprint\("
    assert re.findall(ways, module.read_text(encoding="utf-8")) == []
