"""A stack whose services are real processes that do nothing but tell when they end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventmill.config.polling import until
from eventmill.config.settings import Settings
from ops.stack import engines, orphans, preflight
from ops.stack.engines import SERVICES
from ops.stack.supervisor import Supervisor, socket_path
from tests.support import settings

RUN = """#!/bin/bash
# Once it may be asked to end it says so in $STATE_DIR/<name>.begun; asked, it writes its name to $STATE_DIR/ended.
# Its own words go nowhere: with the supervisor dead the pipe for them is broken.
exec >/dev/null 2>&1
trap 'echo "$1" >>"$STATE_DIR/ended"; exit 0' SIGNAL
tail -f /dev/null &
touch "$STATE_DIR/$1.begun"
wait
"""
DEAF = """#!/bin/bash
# Ends only when it is killed.
trap '' TERM
touch "$STATE_DIR/$1.begun"
exec tail -f /dev/null
"""
NAMELESS = """#!/bin/bash
# Has an empty environment, as a process that writes its title there.
touch "$STATE_DIR/$1.begun"
exec env -i tail -f /dev/null
"""


class Dummies:
    """A supervisor of its own over such services; its jobs are as its services."""

    def __init__(self, folder: Path) -> None:
        self.engines = folder / "engines"
        self.settings: Settings = settings(state_dir=folder / "state", lib_dir=folder / "lib")
        self.supervisor = Supervisor(self.settings)
        for engine in {s.engine for s in SERVICES} | {"spark"}:
            signals = {s.stop_signal for s in SERVICES if s.engine == engine} or {"TERM"}
            self.write(engine, "run", RUN.replace("SIGNAL", signals.pop()))
            self.write(engine, "ready", "#!/bin/sh\n")

    def write(self, engine: str, script: str, text: str) -> None:
        """Give an engine another script."""
        file = self.engines / engine / script
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)

    def start(self, *names: str) -> None:
        """Start the daemon and these services and jobs, and wait until they can be asked to end."""
        self.settings.state_dir.mkdir()
        self.supervisor.start_daemon()
        for name in names:
            self.supervisor.start(name)
        begun = [self.settings.state_dir / f"{name}.begun" for name in names]
        until(lambda: all(file.exists() for file in begun), 30, f"not all of {names} began")

    def ended(self) -> list[str]:
        """The services and jobs in the order in which they ended."""
        return (self.settings.state_dir / "ended").read_text().split()


@pytest.fixture
def dummies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dummies]:
    """Such a stack with nothing started; what a test leaves running is ended."""
    stack = Dummies(tmp_path)
    monkeypatch.setattr(engines, "ENGINES", stack.engines)
    monkeypatch.setattr(preflight, "check", lambda *_: None)
    monkeypatch.setattr(orphans, "KILL_SECONDS", 1)
    yield stack
    if stack.supervisor.runs():
        stack.supervisor.shutdown()
    orphans.end_orphans(stack.settings)
    shutil.rmtree(socket_path(stack.settings).parent, ignore_errors=True)
