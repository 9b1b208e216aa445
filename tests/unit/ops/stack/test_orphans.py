"""What a killed supervisor leaves behind is found and ended, tried on processes that do nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil

from eventmill.config.polling import until
from ops.stack import orphans
from tests.unit.ops.conftest import DEAF, NAMELESS, Dummies


def kill_the_supervisor(dummies: Dummies) -> None:
    """End the daemon at once, as a lack of memory would."""
    pid = int((dummies.settings.state_dir / "supervisor.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    until(lambda: not dummies.supervisor.runs(), 10, "the daemon still answers")


def test_nothing_is_found_where_nothing_ran(dummies: Dummies) -> None:
    assert orphans.find_orphans(dummies.settings) == {}


def test_every_process_is_found_by_its_service(dummies: Dummies) -> None:
    dummies.start("kafka", "postgres", "job-clicks")
    processes = {name: program.pid for name, program in dummies.supervisor.programs().items() if program.pid}
    kill_the_supervisor(dummies)
    found = orphans.find_orphans(dummies.settings)
    assert {name: of_one[0].pid for name, of_one in found.items()} == processes
    assert {len(of_one) for of_one in found.values()} == {2}  # the service and the process below it


def test_a_process_without_an_environment_is_found_by_its_session(dummies: Dummies) -> None:
    dummies.write("airflow", "run", NAMELESS)
    dummies.start("mail", "scheduler")
    pid = dummies.supervisor.programs()["scheduler"].pid
    until(lambda: psutil.Process(pid).name() == "tail", 10, "the environment is not empty yet")
    kill_the_supervisor(dummies)
    assert pid in {p.pid for of_one in orphans.find_orphans(dummies.settings).values() for p in of_one}
    orphans.end_orphans(dummies.settings)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_orphans_end_in_the_order_of_a_stack_that_stops(dummies: Dummies) -> None:
    dummies.start("namenode", "datanode", "postgres", "jobs")
    kill_the_supervisor(dummies)
    orphans.end_orphans(dummies.settings)
    ended = dummies.ended()
    assert ended[0] == "jobs"
    assert ended.index("datanode") < ended.index("namenode")
    assert "postgres" in ended
    assert orphans.find_orphans(dummies.settings) == {}


def test_one_that_does_not_end_is_killed(dummies: Dummies) -> None:
    dummies.write("mail", "run", DEAF)
    dummies.start("mail")
    kill_the_supervisor(dummies)
    orphans.end_orphans(dummies.settings)
    assert orphans.find_orphans(dummies.settings) == {}


def test_a_stack_of_another_folder_is_left_alone(dummies: Dummies, tmp_path: Path) -> None:
    dummies.start("mail")
    kill_the_supervisor(dummies)
    other = dummies.settings.model_copy(update={"state_dir": tmp_path / "other"})
    assert orphans.find_orphans(other) == {}
    orphans.end_orphans(other)
    assert list(orphans.find_orphans(dummies.settings)) == ["mail"]
