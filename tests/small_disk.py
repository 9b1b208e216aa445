"""A disk of its own, small enough to be filled, on a loop device."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eventmill.config.polling import until

SMALLEST = 4096
"""Nothing smaller is taken, in bytes."""


class SmallDisk:
    """A file system of some MB that is mounted at a folder, if this machine lets us mount one.

    Attributes:
        folder: where it is mounted; an ordinary folder where `missing` says why it's none.
        missing: why there is no such disk here, or None.
    """

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        self._image = folder.with_suffix(".img")
        self._filler = folder / "filler"
        folder.mkdir(parents=True, exist_ok=True)
        self.remove()
        self.missing = self._mount(megabytes)

    def _mount(self, megabytes: int) -> str | None:
        """Make the file system; the image is sparse, so that what is not written takes no room."""
        if os.geteuid() != 0:
            return "only root may mount a small file system"
        with self._image.open("wb") as image:
            image.truncate(megabytes << 20)
        for command in (("mkfs.ext4", "-q", "-F", self._image), ("mount", "-o", "loop", self._image, self.folder)):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                self._image.unlink()
                return f"no small file system can be mounted here: {done.stderr.strip()}"
        self.folder.chmod(0o755)
        return None

    def room(self) -> int:
        """The bytes that may still be written, by root too."""
        disk = os.statvfs(self.folder)
        return disk.f_bfree * disk.f_frsize

    def fill(self, leave: int = 0) -> None:
        """Take all room but so many bytes."""
        with self._filler.open("ab") as filler:
            size = self.room() - leave
            while size >= SMALLEST:
                try:
                    os.posix_fallocate(filler.fileno(), filler.seek(0, os.SEEK_END), size)
                    size = self.room() - leave
                except OSError:
                    size //= 2  # the file system keeps some blocks for itself

    def keep_full(self, seconds: float) -> None:
        """Take all room for so long, also what others give back meanwhile."""
        end = time.monotonic() + seconds

        def is_over() -> bool:
            self.fill()
            return time.monotonic() >= end

        until(is_over, seconds + 60, "time stands still")

    @contextmanager
    def filled(self, leave: int) -> Iterator[None]:
        """Take all room but so many bytes as long as the block lasts."""
        try:
            self.fill(leave)
            yield
        finally:
            self._filler.unlink(missing_ok=True)

    def remove(self) -> None:
        """Unmount the disk and remove its image."""
        if self.folder.is_mount():
            until(self._unmounted, 60, f"{self.folder} is still in use")
        self._image.unlink(missing_ok=True)

    def _unmounted(self) -> bool:
        return subprocess.run(["umount", self.folder], capture_output=True, check=False).returncode == 0
