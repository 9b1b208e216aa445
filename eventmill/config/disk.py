"""Free space on the disks of a state folder, and the reserve below which the platform holds back.

An engine that meets a full disk may lose what it had accepted, so what brings new data stops before: the event API,
NiFi, the forwarder, the jobs and the DAGs. And an engine that recovers on a full disk may take what it cannot write for
damage, and drop it, so none is started there:

    python -m eventmill.config.disk COMMAND …    becomes the command as soon as there is room
    python -m eventmill.config.disk              prints the reserve in bytes

with STATE_DIR and DISK_RESERVE_MB in the environment. Needs the standard library only, so that it also runs inside NiFi
and in the engines' images.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from eventmill.config.settings import Settings

MB = 2**20
SHARE_OF_SMALL_DISKS = 0.05
RESUME = 1.25
"""Times the reserve that must be free until work resumes, so that it does not stop and go at the edge."""

LOOK_SECONDS = 1.0
POLL_SECONDS = 1.0


class Space(NamedTuple):
    """A file system in bytes: what is free for ordinary users, its size, and the reserve that is to stay free."""

    free: int
    size: int
    reserve: int

    @property
    def enough(self) -> int:
        """The free bytes from which on everything goes on."""
        return int(self.reserve * RESUME)


class Reserve:
    """Watches the file systems of a state folder and the folders directly in it, which may be mounts of their own.

    The reserve of each is `reserve_mb`, or a twentieth of a small disk. The shortage begins where less is free, and
    ends where RESUME times as much is free.
    """

    def __init__(self, state_dir: Path, reserve_mb: int) -> None:
        self._state_dir = state_dir
        self._reserve_bytes = reserve_mb * MB
        self._short = False
        self._looked = -LOOK_SECONDS
        self._shortage: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> Reserve:
        """The reserve by the settings."""
        return cls(settings.state_dir, settings.disk_reserve_mb)

    @classmethod
    def of_environment(cls) -> Reserve:
        """The reserve by the variables STATE_DIR and DISK_RESERVE_MB."""
        return cls(Path(os.environ["STATE_DIR"]), int(os.environ["DISK_RESERVE_MB"]))

    def tightest(self) -> Space:
        """The file system with the least free space beyond its reserve."""
        devices = {folder.stat().st_dev: folder for folder in self._folders()}
        return min(map(self._space, devices.values()), key=lambda space: space.free - space.reserve)

    def shortage(self) -> str | None:
        """Explain in one sentence why nothing more is to be written, or return None; looks once a second at most."""
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            space = self.tightest()
            self._short = space.free < (space.enough if self._short else space.reserve)
            self._shortage = self._sentence(space) if self._short else None
        return self._shortage

    def explained(self) -> str | None:
        """The shortage, and which folders of the state folder take most of the disk."""
        shortage = self.shortage()
        if not shortage:
            return None
        return f"{shortage}. Most is taken by " + ", ".join(
            f"{name} ({taken // MB} MB)" for name, taken in largest(self._state_dir)
        )

    def wait(self, on_wait: Callable[[str], None]) -> None:
        """Return when there is no shortage; `on_wait` gets the reason once, if there is one."""
        shortage = self.shortage()
        if shortage:
            on_wait(shortage)
        while self.shortage():
            time.sleep(POLL_SECONDS)

    def _folders(self) -> list[Path]:
        nearest = next(folder for folder in (self._state_dir, *self._state_dir.parents) if folder.is_dir())
        with os.scandir(nearest) as entries:
            return [nearest, *(Path(entry) for entry in entries if entry.is_dir(follow_symlinks=False))]

    def _space(self, folder: Path) -> Space:
        disk = os.statvfs(folder)
        size = disk.f_blocks * disk.f_frsize
        return Space(disk.f_bavail * disk.f_frsize, size, min(self._reserve_bytes, int(size * SHARE_OF_SMALL_DISKS)))

    def _sentence(self, space: Space) -> str:
        return (
            f"the disk of {self._state_dir} is nearly full: {space.free // MB} MB are free, less than the reserve of "
            f"{space.reserve // MB} MB (DISK_RESERVE_MB); everything goes on when {space.enough // MB} MB are free"
        )


def largest(state_dir: Path, number: int = 3) -> list[tuple[str, int]]:
    """The folders directly in the state folder that take most of the disk, with their bytes, the largest first."""
    with os.scandir(state_dir) as entries:
        sizes = [(entry.name, _taken(Path(entry))) for entry in entries if entry.is_dir(follow_symlinks=False)]
    return sorted(sizes, key=lambda pair: -pair[1])[:number]


def _taken(folder: Path) -> int:
    """The bytes that a folder's files take on the disk; what goes away meanwhile takes none."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_blocks * 512  # noqa: PTH118 - many files
            except FileNotFoundError:
                continue
    return total


def main(command: list[str]) -> None:
    """Become the command as soon as there is room; without one, print the reserve in bytes."""
    reserve = Reserve.of_environment()
    if not command:
        print(reserve.tightest().reserve)  # noqa: T201
        return
    reserve.wait(lambda shortage: print(f"waiting to start: {shortage}", file=sys.stderr, flush=True))  # noqa: T201
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
