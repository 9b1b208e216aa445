"""Sending files through NiFi: each content enters the inbox once.

The ledger has one entry a content, named by its SHA-256. An entry is written before the file is renamed into the
inbox, and the hidden file that waits there tells whether the rename took place: a crash at any moment is made good by
sending again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from eventmill.config.atomic_files import staged
from eventmill.config.errors import EventmillError
from eventmill.config.settings import Settings

CHUNK = 1 << 20
Progress = Callable[[int], object]


class InboxError(EventmillError):
    """A file cannot be sent; the message names it and says why."""


@dataclass(frozen=True)
class InboxReceipt:
    """One content that was sent: its name in the inbox, its size, and whether this call sent it."""

    name: str
    sha256: str
    bytes: int
    sent: bool


def inbox_folder(settings: Settings, pipeline: str) -> Path:
    """Folder that NiFi takes the files of a pipeline from."""
    return settings.state_dir / "nifi" / "inbox" / pipeline


def ledger(settings: Settings, pipeline: str) -> Path:
    """Folder of receipts of the contents that were sent."""
    return settings.state_dir / "nifi" / "sent" / pipeline


def send_file(
    path: Path,
    settings: Settings,
    pipeline: str = "clicks",
    again: bool = False,
    on_progress: Progress = lambda _: None,
) -> InboxReceipt:
    """Put a copy of the file into the pipeline's inbox unless its content was sent before; `again` sends it anyway.

    `on_progress` gets the number of bytes copied so far.

    Raises:
        InboxError: when there is no such file or it cannot be read.
    """
    _check(path)
    inbox, entries = inbox_folder(settings, pipeline), ledger(settings, pipeline)
    inbox.mkdir(parents=True, exist_ok=True)
    entries.mkdir(parents=True, exist_ok=True)
    with _locked(entries / ".lock"):
        copy = inbox / ".incoming"
        sha256, size = _copy(path, copy, on_progress)
        ready, entry = inbox / f".{sha256}", entries / sha256
        if again or not entry.exists():
            copy.replace(ready)
            _write(entry, InboxReceipt(_name(path, sha256), sha256, size, True))
        copy.unlink(missing_ok=True)
        return _enter(ready, entry)


def _check(path: Path) -> None:
    if path.is_dir():
        raise InboxError(f"{path} is a folder: give one file, or send its files one by one")
    if not path.exists():
        raise InboxError(f"there is no file {path}")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _copy(path: Path, target: Path, on_progress: Progress) -> tuple[str, int]:
    """Copy to the disk for good; returns the content's SHA-256 and size in bytes."""
    digest, size = hashlib.sha256(), 0
    try:
        source = path.open("rb")
    except OSError as error:
        raise InboxError(f"cannot read {path}: {error.strerror}") from error
    with source, target.open("wb") as file:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            size += file.write(chunk)
            on_progress(size)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest(), size


def _name(path: Path, sha256: str) -> str:
    """Time, start of the hash and what is plain in the file's own name, in this order."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", path.name)[-80:]
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{sha256[:12]}-{plain}"


def _write(entry: Path, receipt: InboxReceipt) -> None:
    with staged(entry) as file:
        file.write(json.dumps(asdict(receipt)).encode())


def _enter(ready: Path, entry: Path) -> InboxReceipt:
    """Rename what waits into its name in the inbox; where nothing waits, it went in earlier."""
    receipt = InboxReceipt(**json.loads(entry.read_text()))
    if not ready.exists():
        return replace(receipt, sent=False)
    ready.rename(ready.with_name(receipt.name))
    return receipt
