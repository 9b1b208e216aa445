"""One owner a pipeline: a lock file says who processes it, and ends with the process that holds it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from eventmill.config.settings import Settings


class PipelineLock:
    """The lock of one pipeline."""

    def __init__(self, settings: Settings, pipeline: str) -> None:
        self.path: Path = settings.state_dir / "jobs" / f"{pipeline}.lock"
        self._file: IO[str] | None = None

    def take(self, who: str, *, wait: bool = False) -> bool:
        """Become the owner under that name; False when another one is and we don't wait for its end."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = self.path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        file.truncate(0)
        file.write(f"{who}, process {os.getpid()}\n")
        file.flush()
        self._file = file
        return True

    def owner(self) -> str:
        """Who wrote the lock file last."""
        return self.path.read_text().strip() or "another process"

    def release(self) -> None:
        """Let others become the owner."""
        if self._file:
            self._file.close()
            self._file = None
