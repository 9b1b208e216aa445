"""A stack beside the user's own, for tests and benchmarks: its own state folder and ports, the same engines."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from eventmill.config.settings import ENV_FILE, ROOT, Settings
from ops.stack.preflight import is_free


class IsolatedStack:
    """Runs the command line and other programs against a stack of its own.

    `name` becomes the state folder `.eventmill/<name>`; ports are the free ones from `first_port` on; `values` are
    settings that differ from `.env`.
    """

    def __init__(self, name: str, first_port: int, **values: object) -> None:
        self.state_dir = ROOT / ".eventmill" / name
        own = {
            "state_dir": self.state_dir,
            **dict(zip(_port_settings(), _free_ports(first_port), strict=False)),
            **values,
        }
        self.settings = Settings(_env_file=ENV_FILE, **own)  # type: ignore[arg-type]
        self.environment = os.environ | {"PYTHONPATH": str(ROOT)} | self.settings.environment()

    def eventmill(self, *arguments: str, seconds: float = 600, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the command line with these arguments; a failure raises AssertionError with all that it printed."""
        command = [str(Path(sys.executable).with_name("eventmill")), *arguments]
        done = subprocess.run(
            command, env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(arguments)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def remove(self) -> None:
        """Stop the stack and remove its state."""
        if self.state_dir.exists():
            self.eventmill("down")
            shutil.rmtree(self.state_dir)


def _port_settings() -> list[str]:
    return [name for name in Settings.model_fields if name.endswith("_port") and Settings.model_fields[name].default]


def _free_ports(first: int) -> Iterator[int]:
    return (port for port in count(first) if is_free(port))
