"""Brings the native stack up in the order of its dependencies, and down again."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from eventmill.config.polling import until
from eventmill.config.settings import Settings
from ops.stack import orphans, preflight, provisioning
from ops.stack.engines import SERVICES, Service, enabled_services, service_environment, with_needs
from ops.stack.supervisor import Program, StackError, Supervisor, log_file

READY_SECONDS = 300
ASK_SECONDS = 1
LOG_LINES = 20
ORPHANED = "ORPHANED"
"""The state of a program that runs on without a supervisor."""


@dataclass
class StartProgress:
    """Progress of one service; `state` is waiting, starting, ready or failed.

    It is started `begun` and was asked last `seconds` after the beginning.
    """

    service: Service
    state: str = "waiting"
    begun: float = 0.0
    seconds: float = 0.0
    reason: str = ""


def up(
    settings: Settings,
    names: Sequence[str] = (),
    on_change: Callable[[list[StartProgress]], None] = lambda _: None,
) -> bool:
    """Start the named services and what they need (all that are wanted when none is named) and wait for each.

    What a killed supervisor left behind is ended first. Returns whether anything had to be started.

    Raises:
        ServiceError: for a name that no service has.
        StackError: with the last log lines of the service that failed.
    """
    services = with_needs(names) if names else enabled_services(settings)
    chosen = {service.name for service in services}
    supervisor = Supervisor(settings)
    if not supervisor.runs():
        orphans.end_orphans(settings)
        preflight.check(settings, services)
        supervisor.start_daemon()
    stopped = [service for service in services if supervisor.program(service.name).state != "RUNNING"]
    progress = [StartProgress(service) for service in services]
    environment = os.environ | service_environment(settings)
    begun = time.monotonic()

    def all_ready() -> bool:
        done = {p.service.name for p in progress if p.state == "ready"}
        programs = supervisor.programs()
        for p in progress:
            if p.state == "waiting" and done.issuperset(chosen.intersection(p.service.needs)):
                provisioning.before(settings, p.service.name)
                supervisor.start(p.service.name)
                p.state, p.begun = "starting", time.monotonic() - begun
            elif p.state == "starting":
                _look(p, programs[p.service.name], environment, time.monotonic() - begun)
            on_change(progress)
            if p.state == "failed":
                raise StackError(_failure(p, settings))
        return len(done) == len(progress)

    until(all_ready, READY_SECONDS * 2, f"not all services were ready after {READY_SECONDS * 2} s")
    return bool(stopped)


def _look(p: StartProgress, program: Program, environment: dict[str, str], seconds: float) -> None:
    """See whether a service that was started is ready, or has failed; ask it once a second at most."""
    if program.state == "FATAL":
        p.state, p.reason = "failed", program.reason or "it ended again and again"
    elif program.state == "RUNNING" and seconds >= p.seconds + ASK_SECONDS:
        p.seconds = seconds
        p.reason = why_not_ready(p.service, environment) or ""
        p.state = "starting" if p.reason else "ready"
    if p.state == "starting" and seconds > p.begun + READY_SECONDS:
        p.state, p.reason = "failed", f"not ready after {READY_SECONDS} s ({p.reason})"


def why_not_ready(service: Service, environment: dict[str, str]) -> str | None:
    """None when the service serves, else what its `ready` script says."""
    try:
        asked = subprocess.run(
            [service.ready, service.name], env=environment, capture_output=True, text=True, timeout=20
        )
    except subprocess.TimeoutExpired:
        return "its `ready` gave no answer within 20 s"
    return None if asked.returncode == 0 else asked.stderr.strip() or "not ready"


def _failure(p: StartProgress, settings: Settings) -> str:
    log = log_file(settings, p.service.name)
    tail = "\n".join(last_lines(log, LOG_LINES))
    return (
        f"{p.service.name} did not start: {p.reason}. Its log ends:\n{tail}\n"
        f"The whole log: eventmill logs {p.service.name}. Mend the cause and run `make up` again; "
        "`make down` stops what runs."
    )


def last_lines(log: Path, count: int) -> list[str]:
    """The last lines of a log file; empty when there is none."""
    return log.read_text(errors="replace").splitlines()[-count:] if log.is_file() else []


def is_orphaned(settings: Settings) -> bool:
    """True when the supervisor was killed and left processes behind that run on."""
    return not Supervisor(settings).runs() and bool(orphans.find_orphans(settings))


def down(settings: Settings) -> bool:
    """Stop all jobs and services, those too that a killed supervisor left behind. Returns whether any ran."""
    supervisor = Supervisor(settings)
    if supervisor.runs():
        supervisor.shutdown()
    elif orphans.find_orphans(settings):
        orphans.end_orphans(settings)
    else:
        return False
    return True


@dataclass(frozen=True)
class Status:
    """One service or job as `eventmill status` shows it; memory is that of its whole process tree in MB."""

    program: Program
    port: int | None
    seconds: float
    memory_mb: int


def stack_status(settings: Settings) -> Iterator[Status]:
    """Every service and job of a running stack, and what a killed supervisor left behind; nothing when it is down."""
    supervisor = Supervisor(settings)
    ports = {s.name: next(iter(s.port_numbers(settings).values()), None) for s in SERVICES}
    for program in supervisor.programs().values() if supervisor.runs() else _orphaned(settings):
        runs = program.state in {"RUNNING", ORPHANED}
        seconds = time.time() - program.started if runs else 0.0
        yield Status(program, ports.get(program.name), seconds, resident_mb(program.pid) if runs else 0)


def _orphaned(settings: Settings) -> Iterator[Program]:
    for name, processes in orphans.find_orphans(settings).items():
        with suppress(psutil.NoSuchProcess):
            yield Program(name, ORPHANED, processes[0].pid, processes[0].create_time(), "its supervisor was killed")


def resident_mb(pid: int) -> int:
    """Resident memory of a process and all below it, in MB."""
    try:
        root = psutil.Process(pid)
        tree = [root, *root.children(recursive=True)]
        return sum(process.memory_info().rss for process in tree) // 2**20
    except psutil.NoSuchProcess:
        return 0
