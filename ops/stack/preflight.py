"""Checks before anything starts: a Java, all parts fetched, free ports, memory and disk."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Sequence

import psutil

from eventmill.config.settings import Settings
from ops.stack import downloads, java
from ops.stack.engines import Service
from ops.stack.orphans import PROGRAM
from ops.stack.supervisor import StackError

SPARK_MB = 1400
DISK_MB = 2048


def check(settings: Settings, services: Sequence[Service]) -> None:
    """Raise StackError or JavaError, in one plain sentence, for the first thing that keeps the stack from running."""
    java.find_java(settings)
    _check_parts(settings)
    _check_ports(settings, services)
    _check_memory(sum(service.memory_mb for service in services) + SPARK_MB)
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    _check_disk(settings)


def _check_parts(settings: Settings) -> None:
    missing = [part.name for part in downloads.parts(settings) if not part.is_there()]
    if missing:
        raise StackError(f"not fetched yet: {', '.join(missing)}; run: make setup")


def _check_ports(settings: Settings, services: Sequence[Service]) -> None:
    used: dict[int, str] = {}
    for service in services:
        for name, port in service.port_numbers(settings).items():
            if port in used:
                raise StackError(f"{name} and {used[port]} are both {port}; give one another port in .env")
            used[port] = name
            if not is_free(port):
                raise StackError(
                    f"port {port} ({name}, {service.name}) is taken{_by(port)}; set {name} in .env to a free port"
                )


def is_free(port: int) -> bool:
    """True if a server can listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _by(port: int) -> str:
    """The process that listens on the port, with its stack if it is one of ours; empty when this user may not know."""
    try:
        listening = (c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN)
        pid = next((c.pid for c in listening if c.laddr and c.laddr.port == port and c.pid), None)
        if pid is None:
            return ""
        holder = psutil.Process(pid)
        name, environment = holder.name(), holder.environ()
    except psutil.Error:
        return ""
    by = f" by {name}, process {pid}"
    if PROGRAM in environment and "STATE_DIR" in environment:
        by += f", which is {environment[PROGRAM]} of the stack in {environment['STATE_DIR']} (make down there stops it)"
    return by


def _check_memory(needed_mb: int) -> None:
    free_mb = psutil.virtual_memory().available // 2**20
    if free_mb < needed_mb:
        raise StackError(f"too little memory: the stack needs about {needed_mb} MB and {free_mb} MB are free")


def _check_disk(settings: Settings) -> None:
    free_mb = shutil.disk_usage(settings.state_dir).free // 2**20
    if free_mb < DISK_MB:
        raise StackError(
            f"too little disk: {settings.state_dir} has {free_mb} MB free and the stack needs {DISK_MB} MB; "
            "set STATE_DIR in .env to a folder with more room"
        )
