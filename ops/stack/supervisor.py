"""The supervisor daemon that starts, restarts and stops the services and jobs of the native stack."""

from __future__ import annotations

import configparser
import hashlib
import os
import subprocess
import sys
import tempfile
import xmlrpc.client
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from eventmill.config.errors import EventmillError
from eventmill.config.polling import until
from eventmill.config.settings import PIPELINES, Settings
from ops.stack.engines import SERVICES, Service, first_to_end, service_environment

STOP_SECONDS = 180
ALL_JOBS = "jobs"
"""The job that runs all enabled pipelines in one process."""


class StackError(EventmillError):
    """The stack cannot do what was asked; the message says why and what to do."""


@dataclass(frozen=True)
class Program:
    """State of one service or job, from supervisor."""

    name: str
    state: str
    pid: int
    started: float
    reason: str


ALIVE = {"RUNNING", "STARTING", "BACKOFF"}
"""The states of a program that runs or is about to, and has not been asked to end."""


def job_program(pipeline: str) -> str:
    """The supervisor's name for a pipeline's continuous job."""
    return f"job-{pipeline}"


def job_programs() -> list[str]:
    """Every job: the one for all enabled pipelines, and one a pipeline."""
    return [ALL_JOBS, *map(job_program, PIPELINES)]


def socket_path(settings: Settings) -> Path:
    """The control socket, in a private folder outside the state folder: its path must stay under 108 characters."""
    key = hashlib.sha256(str(settings.state_dir).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"eventmill-{os.getuid()}-{key}" / "supervisor.sock"


def log_file(settings: Settings, program: str) -> Path:
    """Log of a service or job: its standard output and errors."""
    return settings.state_dir / "logs" / f"{program}.log"


def supervisord_configuration(settings: Settings) -> configparser.RawConfigParser:
    """The daemon's configuration: one program a service, in order of dependency, then the jobs."""
    config = configparser.RawConfigParser()
    socket = f"unix://{socket_path(settings)}"
    config["supervisord"] = {
        "logfile": str(log_file(settings, "supervisor")),
        "pidfile": str(settings.state_dir / "supervisor.pid"),
        "childlogdir": str(settings.state_dir / "logs"),
    }
    config["unix_http_server"] = {"file": str(socket_path(settings)), "chmod": "0600"}
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    config["supervisorctl"] = {"serverurl": socket}
    start = f"{sys.executable} -m eventmill.config.disk"
    programs = [*SERVICES, *(Service(name, "spark") for name in job_programs())]
    for priority, program in enumerate(programs, start=1):
        command = f"{start} {program.run} {program.name}"
        config[f"program:{program.name}"] = _program(program, command, priority, log_file(settings, program.name))
    return config


def _program(program: Service, command: str, priority: int, log: Path) -> dict[str, str]:
    return {
        "command": command,
        "priority": str(priority),
        "stopsignal": program.stop_signal,
        "autostart": "false",
        "autorestart": "true",
        "startsecs": "1",
        "startretries": "5",
        "stopasgroup": "true",
        "killasgroup": "true",
        "stopwaitsecs": str(program.stop_seconds),
        "redirect_stderr": "true",
        "stdout_logfile": str(log),
        "stdout_logfile_maxbytes": "20MB",
        "stdout_logfile_backups": "2",
    }


class Supervisor:
    """A client of the daemon that belongs to one state folder."""

    def __init__(self, settings: Settings) -> None:
        if settings.services_by == "compose":
            raise StackError("these containers are run by Docker Compose: docker compose up, down, ps, logs, restart")
        self._settings = settings

    def _call(self, method: str, *arguments: Any) -> Any:
        """Call the daemon over a connection of its own: one that failed once cannot be used again."""
        transport = SupervisorTransport(None, None, f"unix://{socket_path(self._settings)}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as daemon:
            return getattr(daemon.supervisor, method)(*arguments)

    def runs(self) -> bool:
        """True if the daemon answers."""
        try:
            self._call("getState")
        except (OSError, HTTPException, xmlrpc.client.Error):
            return False
        return True

    def start_daemon(self) -> None:
        """Write the configuration and start the daemon with the settings as its environment."""
        file = self._settings.state_dir / "supervisord.conf"
        log_file(self._settings, "supervisor").parent.mkdir(parents=True, exist_ok=True)
        socket_path(self._settings).parent.mkdir(mode=0o700, exist_ok=True)
        with file.open("w") as out:
            supervisord_configuration(self._settings).write(out)
        environment = os.environ | service_environment(self._settings)
        daemon = Path(sys.executable).with_name("supervisord")
        done = subprocess.run([daemon, "-c", file], env=environment, capture_output=True, text=True)
        if done.returncode:
            raise StackError(f"supervisord did not start: {(done.stderr or done.stdout).strip()}")
        until(self.runs, 15, "supervisord did not answer within 15 s")

    def programs(self) -> dict[str, Program]:
        """Every service and job by name."""
        return {
            p["name"]: Program(p["name"], p["statename"], p["pid"], float(p["start"]), p["spawnerr"])
            for p in self._call("getAllProcessInfo")
        }

    def program(self, name: str) -> Program:
        """The service or job of that name.

        Raises:
            StackError: when the daemon was started by a release that had none of that name.
        """
        programs = self.programs()
        if name not in programs:
            raise StackError(f"the running stack was started before there was {name}; run: make down, then: make up")
        return programs[name]

    def start(self, name: str) -> None:
        """Start a service or job unless it runs; returns at once."""
        if self.program(name).state not in ALIVE:
            self._call("startProcess", name, False)

    def stop(self, name: str) -> None:
        """Stop a service or job and wait until it has ended."""
        if self.program(name).state in ALIVE:
            self._call("stopProcess", name, True)

    def shutdown(self) -> None:
        """Stop everything in the order of `first_to_end`, and end the daemon."""
        pid = self._call("getPID")
        message = f"the stack did not stop within {STOP_SECONDS} s; `eventmill status` shows what still runs"
        until(self._all_stopped, STOP_SECONDS, message)
        self._call("shutdown")
        until(lambda: not psutil.pid_exists(pid), STOP_SECONDS, message)

    def _all_stopped(self) -> bool:
        """Ask those to end whose turn it is; True once nothing runs."""
        running = {name: p for name, p in self.programs().items() if p.state in ALIVE or p.state == "STOPPING"}
        for name in first_to_end(running.keys()):
            if running[name].state in ALIVE:
                with suppress(xmlrpc.client.Fault):  # it has just ended by itself
                    self._call("stopProcess", name, False)
        return not running
