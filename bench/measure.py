"""Runs a command and measures its whole process tree."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psutil

from eventmill.config.errors import EventmillError

SAMPLE_SECONDS = 0.2


class CommandError(EventmillError):
    """A measured command failed; the message ends with its last output."""


@dataclass(frozen=True)
class Usage:
    """Wall and CPU time in seconds and the peak resident memory in MB of a process and all below it."""

    wall: float
    cpu: float
    peak_mb: int
    output: str


def run(command: Sequence[str], environment: Mapping[str, str], seconds: float = 1800) -> Usage:
    """Run the command to its end, sampling its process tree.

    Raises:
        CommandError: when it fails or takes longer than `seconds`.
    """
    begun = time.monotonic()
    process = psutil.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    cpu: dict[int, float] = {}
    peak = 0
    output: str | None = None
    while output is None:
        peak = max(peak, _sample(process, cpu))
        if time.monotonic() - begun > seconds:
            process.kill()
            raise CommandError(f"{command[0]} took longer than {seconds:.0f} s")
        with contextlib.suppress(subprocess.TimeoutExpired):
            output, _ = process.communicate(timeout=SAMPLE_SECONDS)
    if process.returncode:
        raise CommandError(f"{' '.join(command)} ended with exit {process.returncode}:\n{output[-3000:]}")
    return Usage(time.monotonic() - begun, sum(cpu.values()), peak // 2**20, output)


def tree(pid: int, figure: Callable[[psutil.Process], float]) -> float:
    """The sum of a figure over a process and those below it; one that ends meanwhile counts 0."""
    root = psutil.Process(pid)
    total = 0.0
    for member in [root, *root.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += figure(member)
    return total


def cpu_seconds(process: psutil.Process) -> float:
    """The CPU time of a process so far, without that of others below it."""
    times = process.cpu_times()
    return float(times.user + times.system)


def memory_mb(process: psutil.Process) -> float:
    """The proportional set size of a process, in which pages that processes share count once."""
    return float(process.memory_full_info().pss / 2**20)


def _sample(process: psutil.Process, cpu: dict[int, float]) -> int:
    """Note each process's CPU seconds so far; returns the tree's resident memory in bytes."""
    resident = 0
    for member in [process, *process.children(recursive=True)]:
        try:
            with member.oneshot():
                cpu[member.pid] = cpu_seconds(member)
                resident += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return resident
