"""Downloads of what other systems export."""

from __future__ import annotations

import shutil
from pathlib import Path

import requests

from eventmill.config.atomic_files import staged
from eventmill.config.errors import EventmillError

CHUNK = 1 << 20
TIMEOUT = 60


class DownloadError(EventmillError):
    """A download cannot be used; the message says why."""


def download(url: str, target: Path) -> Path:
    """Stream a file to the disk, whole or not at all; returns `target`.

    Raises:
        DownloadError: when it is empty.
        requests.RequestException: when the server refuses it or breaks off.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with requests.get(url, stream=True, timeout=TIMEOUT) as reply, staged(target) as file:
        reply.raise_for_status()
        for chunk in reply.iter_content(CHUNK):
            file.write(chunk)
        if not file.tell():
            raise DownloadError(f"{url} is empty")
    return target


def prune(folder: Path, keep: int) -> None:
    """Remove all but the newest landings, each a folder in `folder`."""
    landings = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for old in landings[keep:]:
        shutil.rmtree(old)
