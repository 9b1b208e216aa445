"""The commands that start, stop and show the stack: what they print, and how they end."""

from __future__ import annotations

import pytest
import typer

from eventmill.config import disk, settings
from ops.cli import stack
from ops.stack import native_stack
from tests.unit.ops.conftest import Dummies
from tests.unit.ops.stack.test_orphans import kill_the_supervisor


@pytest.fixture(autouse=True)
def own_settings(dummies: Dummies, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands work on the services that do nothing."""
    monkeypatch.setattr(settings, "load", lambda: dummies.settings)


def test_status_and_up_say_that_the_supervisor_was_killed(dummies: Dummies, capsys: pytest.CaptureFixture[str]) -> None:
    dummies.start("mail")
    kill_the_supervisor(dummies)
    with pytest.raises(typer.Exit) as ended:
        stack.show_status()
    assert ended.value.exit_code == 3
    shown = " ".join(capsys.readouterr().out.split())
    assert "ORPHANED" in shown
    assert "the supervisor was killed and these run on: `make up` starts all again" in shown
    stack.up(["mail"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "the supervisor was killed: what it left behind is ended" in shown
    assert "the stack is up" in shown


def test_status_says_that_the_disk_is_nearly_full(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(disk.Reserve, "explained", lambda _: "the disk of [/x] is nearly full")
    with pytest.raises(typer.Exit):
        stack.show_status()
    assert capsys.readouterr().out.startswith("the disk of [/x] is nearly full\n")


def test_an_interrupted_up_says_what_runs_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(native_stack, "up", interrupted)
    with pytest.raises(typer.Exit) as ended:
        stack.up()
    assert ended.value.exit_code == 130
    assert "what was started runs on" in capsys.readouterr().out
