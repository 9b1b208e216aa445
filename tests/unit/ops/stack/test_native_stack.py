"""Up, down and status, tried on services that do nothing."""

from __future__ import annotations

import pytest

from ops.stack import native_stack
from ops.stack.engines import ServiceError
from tests.unit.ops.conftest import Dummies
from tests.unit.ops.stack.test_orphans import kill_the_supervisor


def test_an_unknown_service_is_refused_with_the_names_that_exist(dummies: Dummies) -> None:
    with pytest.raises(ServiceError, match=r"no service is called 'nosuch'; there are kafka, namenode, .*, triggerer"):
        native_stack.up(dummies.settings, ["kafka", "nosuch"])
    assert not dummies.supervisor.runs()


def test_up_starts_what_a_killed_supervisor_left_behind_once_more(dummies: Dummies) -> None:
    dummies.start("mail")
    before = dummies.supervisor.programs()["mail"].pid
    kill_the_supervisor(dummies)
    assert native_stack.is_orphaned(dummies.settings)
    assert native_stack.up(dummies.settings, ["mail"])
    after = dummies.supervisor.programs()["mail"]
    assert (after.state, dummies.ended()) == ("RUNNING", ["mail"])
    assert after.pid != before


def test_status_shows_what_runs_without_a_supervisor(dummies: Dummies) -> None:
    dummies.start("mail", "source")
    kill_the_supervisor(dummies)
    rows = {row.program.name: row for row in native_stack.stack_status(dummies.settings)}
    assert {row.program.state for row in rows.values()} == {native_stack.ORPHANED}
    assert rows["mail"].port == dummies.settings.mail_port
    assert rows["source"].program.pid


def test_down_ends_what_a_killed_supervisor_left_behind(dummies: Dummies) -> None:
    dummies.start("mail", "source")
    kill_the_supervisor(dummies)
    assert native_stack.down(dummies.settings)
    assert not list(native_stack.stack_status(dummies.settings))
    assert not native_stack.down(dummies.settings)
