"""Ground truth of a generated file: the counts that the stack must come to."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from eventmill.config.atomic_files import staged
from eventmill.config.errors import EventmillError

Kind = TypeVar("Kind")


class TruthError(EventmillError, ValueError):
    """A truth file cannot be read; the message names it and says why."""


class Expected(msgspec.Struct, frozen=True):
    """The on-time, late and duplicate events of one source in one window; the window starts in UTC."""

    window_start: datetime
    source: str
    count: int
    late: int = 0
    duplicates: int = 0


class Planted(msgspec.Struct, frozen=True):
    """Number of planted faults of each sort."""

    late: int
    duplicates: int
    broken: int


class Truth(msgspec.Struct, frozen=True):
    """The truth of one generated file.

    `count` is the number of unique events that are on time, `lines` that of all records in the file, and
    `broken_kinds` tells the broken ones apart.
    """

    seed: int
    count: int
    lines: int
    planted: Planted
    broken_kinds: dict[str, int]
    window_seconds: int
    watermark_seconds: int
    windows: list[Expected]


class PageLogsTruth(msgspec.Struct, frozen=True):
    """The truth of one generated file of page logs.

    `count` is the number of unique logs, `lines` that of all records. `views` has, by what they are grouped by (such as
    `product_id`, `country_code` or `hour`), the number of unique logs of each value.
    """

    seed: int
    count: int
    lines: int
    planted: Planted
    broken_kinds: dict[str, int]
    views: dict[str, dict[str, int]]


def write_truth(truth: msgspec.Struct, path: Path) -> None:
    """Write the truth as indented JSON, whole or not at all."""
    with staged(path) as file:
        file.write(msgspec.json.format(msgspec.json.encode(truth), indent=1) + b"\n")


def read_truth(path: Path) -> Truth:
    """Read a truth file.

    Raises:
        TruthError: when it is missing or is not what `eventmill generate` writes.
    """
    return read_as(path, Truth)


def read_as(path: Path, kind: type[Kind]) -> Kind:
    """Read a truth file of one kind.

    Raises:
        TruthError: when it is missing or is not what `eventmill generate` writes.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise TruthError(f"cannot read the truth file {path}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise TruthError(f"{path} is not a truth file of `eventmill generate`: {error}") from error
