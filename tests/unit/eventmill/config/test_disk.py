"""The reserve of the disk: what is held back below it, and what starts when there is room."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from eventmill.config import disk
from eventmill.config.disk import MB, Reserve, largest
from eventmill.config.settings import ROOT

SIZE_MB = 10_000
RESERVE_MB = 100


class Disk:
    """A disk of SIZE_MB with so many MB free, in place of the machine's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free_mb = SIZE_MB
        self.size_mb = SIZE_MB
        monkeypatch.setattr(os, "statvfs", lambda _: self._statvfs())
        monkeypatch.setattr(disk, "LOOK_SECONDS", 0.0)

    def _statvfs(self) -> SimpleNamespace:
        return SimpleNamespace(f_bavail=self.free_mb, f_blocks=self.size_mb, f_frsize=MB)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """The machine's disk."""
    return Disk(monkeypatch)


def test_the_shortage_begins_below_the_reserve_and_ends_a_quarter_above_it(machine: Disk, tmp_path: Path) -> None:
    reserve, short = Reserve(tmp_path, RESERVE_MB), []
    for machine.free_mb in (101, 100, 99, 100, 124, 125, 101, 99):
        short.append(reserve.shortage() is not None)
    assert short == [False, False, True, True, True, False, False, True]


def test_the_sentence_names_the_disk_what_is_free_and_the_setting(machine: Disk, tmp_path: Path) -> None:
    machine.free_mb = 7
    assert Reserve(tmp_path, RESERVE_MB).shortage() == (
        f"the disk of {tmp_path} is nearly full: 7 MB are free, less than the reserve of 100 MB (DISK_RESERVE_MB); "
        "everything goes on when 125 MB are free"
    )


def test_of_a_small_disk_a_twentieth_is_the_reserve(machine: Disk, tmp_path: Path) -> None:
    machine.size_mb = 1000
    machine.free_mb = 51
    reserve = Reserve(tmp_path, 1024)
    assert reserve.tightest().reserve == 50 * MB
    assert reserve.shortage() is None
    machine.free_mb = 49
    assert "reserve of 50 MB" in str(reserve.shortage())


def test_without_a_reserve_nothing_is_held_back(machine: Disk, tmp_path: Path) -> None:
    machine.free_mb = 0
    assert Reserve(tmp_path, 0).shortage() is None


def test_a_state_folder_that_is_not_there_yet_is_judged_by_where_it_will_be(machine: Disk, tmp_path: Path) -> None:
    machine.free_mb = 1
    assert Reserve(tmp_path / "new" / "state", RESERVE_MB).shortage()


def test_who_waits_is_told_once_and_goes_on_when_there_is_room(
    machine: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.free_mb = 1
    told: list[str] = []

    def free_some(_: float) -> None:
        machine.free_mb += 62

    monkeypatch.setattr("eventmill.config.disk.time.sleep", free_some)
    Reserve(tmp_path, RESERVE_MB).wait(told.append)
    assert len(told) == 1
    assert machine.free_mb == 125


def run(state: Path, reserve_mb: int, *command: str) -> subprocess.CompletedProcess[str]:
    """What the module does as a program."""
    environment = os.environ | {"STATE_DIR": str(state), "DISK_RESERVE_MB": str(reserve_mb), "PYTHONPATH": str(ROOT)}
    arguments = [sys.executable, "-m", "eventmill.config.disk", *command]
    return subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=60, check=True)


def test_with_room_the_program_becomes_the_command(tmp_path: Path) -> None:
    assert run(tmp_path, 1, "echo", "run").stdout == "run\n"


def test_without_a_command_the_program_prints_the_reserve(tmp_path: Path) -> None:
    assert run(tmp_path, 1).stdout == f"{MB}\n"


def test_without_room_the_program_waits_and_says_so(tmp_path: Path) -> None:
    size = os.statvfs(tmp_path)
    environment = os.environ | {"STATE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    environment["DISK_RESERVE_MB"] = str(size.f_blocks * size.f_frsize // MB + 1)
    # Any disk is a large one here, and the reserve is more than all of it.
    program = "from eventmill.config import disk; disk.SHARE_OF_SMALL_DISKS = 2; disk.main(['echo', 'run'])"
    command = [sys.executable, "-c", program]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, text=True, stdout=pipe, stderr=pipe) as waiting:
        assert waiting.stderr is not None
        assert waiting.stderr.readline().startswith(f"waiting to start: the disk of {tmp_path} is nearly full")
        assert waiting.poll() is None
        waiting.terminate()
        assert waiting.communicate()[0] == ""


def test_the_largest_folders_come_first(tmp_path: Path) -> None:
    for name, blocks in (("kafka", 3), ("hdfs", 5), ("logs", 1)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data").write_bytes(b"x" * blocks * 4096)
    assert [name for name, _ in largest(tmp_path, 2)] == ["hdfs", "kafka"]
    assert dict(largest(tmp_path))["kafka"] >= 3 * 4096


def test_the_explanation_says_what_takes_the_space(machine: Disk, tmp_path: Path) -> None:
    machine.free_mb = 7
    (tmp_path / "kafka").mkdir()
    explained = Reserve(tmp_path, RESERVE_MB).explained()
    assert explained is not None
    assert explained.endswith("when 125 MB are free. Most is taken by kafka (0 MB)")
    machine.free_mb = 200
    assert Reserve(tmp_path, RESERVE_MB).explained() is None
