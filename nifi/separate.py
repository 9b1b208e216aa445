"""Divides a file into its records and its broken pieces, each in a file of its own."""

from __future__ import annotations

import hashlib
import json
import mmap
from base64 import b64encode
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nifi.records import MAX_RECORD, Data, Piece, one_line, pieces

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Origin:
    """Origin of a file: its name in the inbox, and the time when NiFi took it, in ms since the epoch."""

    name: str
    time: str


def separate(source: Path, records: Path, rejected: Path, keep: Path, origin: Origin) -> tuple[int, int]:
    """Write the records as JSON lines and the broken pieces as envelopes; returns how many of each there are.

    Both files are replaced as a whole, so that it can be done again. A piece that is too long for Kafka is also kept
    as a file in the folder `keep`.
    """
    counts = [0, 0]
    with ExitStack() as stack:
        data = _mapped(source, stack)
        good, bad = (stack.enter_context(_aside(path).open("wb")) for path in (records, rejected))
        for piece in pieces(data):
            counts[bool(piece.reason)] += 1
            if piece.reason:
                _reject(data, piece, origin, bad, keep)
            else:
                good.write(one_line(data[piece.start : piece.end]) + b"\n")
    for path in (records, rejected):
        _aside(path).replace(path)
    return counts[0], counts[1]


def _mapped(path: Path, stack: ExitStack) -> Data:
    """The file's content as if it were bytes; an empty file cannot be mapped."""
    file = stack.enter_context(path.open("rb"))
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}")


def _reject(data: Data, piece: Piece, origin: Origin, target: BinaryIO, keep: Path) -> None:
    """Write the piece as one line: headers for Kafka, and the value in Base64, since it may be any bytes."""
    headers = {
        "reason": piece.reason,
        "source.file": origin.name,
        "source.line": str(piece.number),
        "source.time": origin.time,
    }
    if piece.end - piece.start > MAX_RECORD:
        sha256 = _keep(data, piece, lambda digest: keep / f"{origin.name}.{piece.number}.{digest[:16]}")
        headers |= {"source.bytes": str(piece.end - piece.start), "source.sha256": sha256}
    value = b64encode(data[piece.start : min(piece.end, piece.start + MAX_RECORD)]).decode()
    target.write(json.dumps({"headers": headers, "value": value}).encode() + b"\n")


def _keep(data: Data, piece: Piece, path_of: Callable[[str], Path]) -> str:
    """Keep the whole piece as a file that is named by its SHA-256, which is returned."""
    starts = range(piece.start, piece.end, _CHUNK)
    sha256 = hashlib.sha256()
    for start in starts:
        sha256.update(data[start : min(start + _CHUNK, piece.end)])
    path = path_of(sha256.hexdigest())
    with _aside(path).open("wb") as file:
        for start in starts:
            file.write(data[start : min(start + _CHUNK, piece.end)])
    _aside(path).replace(path)
    return sha256.hexdigest()
