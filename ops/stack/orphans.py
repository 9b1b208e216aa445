"""Finds and ends the processes of a stack whose supervisor was killed: they run on and hold their ports.

Supervisor puts its address and the program's name into the environment of each process that it starts, and all of them
are in its session. A process that has overwritten its environment, as Airflow's do, is known by the session alone.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass

import psutil

from eventmill.config.polling import until
from eventmill.config.settings import Settings
from ops.stack.engines import SERVICES, first_to_end
from ops.stack.supervisor import STOP_SECONDS, socket_path

ADDRESS = "SUPERVISOR_SERVER_URL"
PROGRAM = "SUPERVISOR_PROCESS_NAME"
KILL_SECONDS = 30
"""A program that has not ended so long after it was asked to is killed."""


@dataclass(frozen=True)
class _Seen:
    process: psutil.Process
    session: int
    group: int
    environment: dict[str, str]


def find_orphans(settings: Settings) -> dict[str, list[psutil.Process]]:
    """The processes of each service or job, for when no supervisor answers: nothing when none was left behind."""
    address = f"unix://{socket_path(settings)}"
    seen = [look for process in psutil.process_iter() if (look := _look(process))]
    marked = [look for look in seen if look.environment.get(ADDRESS) == address]
    sessions = {look.session for look in marked} - {os.getsid(0)}
    names = {look.group: look.environment[PROGRAM] for look in marked}
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found: dict[str, list[psutil.Process]] = {}
    for look in seen:
        if look.process.pid not in own and (look in marked or look.session in sessions):
            name = look.environment.get(PROGRAM) or names.get(look.group) or look.process.name()
            found.setdefault(name, []).append(look.process)
    return found


def _look(process: psutil.Process) -> _Seen | None:
    """A running process with its environment, empty when this user may not read it; None for one that has ended."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        session, group = os.getsid(process.pid), os.getpgid(process.pid)
        try:
            environment = process.environ()
        except psutil.AccessDenied:
            environment = {}
    except (psutil.NoSuchProcess, ProcessLookupError):
        return None
    return _Seen(process, session, group, environment)


def end_orphans(settings: Settings) -> None:
    """End what a killed supervisor left behind, in the order in which a stack stops."""
    asked: dict[str, float] = {}

    def none_is_left() -> bool:
        running = find_orphans(settings)
        for name in first_to_end(running.keys()):
            if name not in asked:
                asked[name] = time.monotonic()
                _signal(running[name], _stop_signal(name))
            elif time.monotonic() > asked[name] + KILL_SECONDS:
                _signal(running[name], signal.SIGKILL)
        return not running

    until(none_is_left, STOP_SECONDS, f"what a killed supervisor left behind did not end within {STOP_SECONDS} s")


def _stop_signal(name: str) -> signal.Signals:
    service = next((s for s in SERVICES if s.name == name), None)
    return signal.Signals[f"SIG{service.stop_signal if service else 'TERM'}"]


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
