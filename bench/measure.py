"""Runs a command and measures its whole process tree."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

SAMPLE_SECONDS = 0.2


class CommandError(RuntimeError):
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


def _sample(process: psutil.Process, cpu: dict[int, float]) -> int:
    """Note each process's CPU seconds so far; returns the tree's resident memory in bytes."""
    resident = 0
    for member in [process, *process.children(recursive=True)]:
        try:
            with member.oneshot():
                times = member.cpu_times()
                cpu[member.pid] = times.user + times.system
                resident += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return resident
