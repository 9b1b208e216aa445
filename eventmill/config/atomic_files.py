"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def staged(path: Path) -> Iterator[BinaryIO]:
    """Write beside `path` under a hidden name and rename at the end; an error leaves what was there."""
    hidden = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with hidden.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        hidden.replace(path)
    finally:
        hidden.unlink(missing_ok=True)


def write_lines(path: Path, chunks: Iterable[list[bytes]], on_progress: Callable[[int], object]) -> None:
    """Write lines, some at a time; the file appears whole or not at all. `on_progress` gets lines done."""
    done = 0
    with staged(path) as file:
        for chunk in filter(None, chunks):
            file.write(b"\n".join(chunk) + b"\n")
            done += len(chunk)
            on_progress(done)
