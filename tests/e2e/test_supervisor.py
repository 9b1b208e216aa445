"""A supervisor that is killed costs no record: what it leaves behind is found, ended in order and started again."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ops.stack import orphans
from ops.stack.engines import enabled_services
from ops.stack.isolated_stack import IsolatedStack
from ops.stack.preflight import is_free
from tests.e2e.clicks import Clicks
from tests.e2e.test_clicks import SOUND, assert_exact


def kill_the_supervisor(stack: IsolatedStack) -> None:
    """End it at once, as a lack of memory does; `status` then says so."""
    os.kill(int((stack.state_dir / "supervisor.pid").read_text()), signal.SIGKILL)
    status = stack.eventmill("status", check=False)
    assert status.returncode == 3
    assert "the supervisor was killed" in status.stdout


@pytest.mark.long
def test_a_killed_supervisor_costs_no_record(clicks: Clicks, tmp_path: Path) -> None:
    stack = clicks.stack
    sample = clicks.generate(tmp_path, "supervisor", "--count", "20000", "--span", "2h", "--seed", "17", *SOUND)
    before = clicks.held()
    stack.eventmill("send", "clicks", str(sample.file), "--no-wait")
    kill_the_supervisor(stack)
    stack.eventmill("up", "kafka", "namenode", seconds=300)
    kill_the_supervisor(stack)
    stack.eventmill("down")
    assert orphans.find_orphans(stack.settings) == {}
    ports = {
        port for service in enabled_services(stack.settings) for port in service.port_numbers(stack.settings).values()
    }
    assert {port for port in ports if not is_free(port)} == set()
    stack.eventmill("up", seconds=900)
    stack.eventmill("jobs", "start")
    clicks.wait_until_held(before + sample.truth.lines)
    clicks.wait_until_processed()
    clicks.find_days()
    clicks.verify()
    assert_exact(clicks.counts("hive"), sample)
