"""Finds the newest data: one event with an odd date must not decide which are the last hours or the newest day."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

SHARE = 10
"""The newest span or day must hold a tenth of what the fullest one holds: today is shown soon after midnight."""


def end_of_newest(starts: Iterable[datetime], length: timedelta, span: timedelta) -> datetime | None:
    """The end of the newest span that holds a tenth as many windows as the fullest one; None without windows.

    Args:
        starts: when each window with data starts.
        length: of each window.
    """
    known = sorted(starts)
    numbers = [place + 1 - bisect_left(known, start + length - span) for place, start in enumerate(known)]
    fullest = max(numbers, default=0)
    enough = (start for start, number in zip(known, numbers, strict=True) if number * SHARE >= fullest)
    newest = max(enough, default=None)
    return newest and newest + length


def day(numbers: Mapping[str, int]) -> str | None:
    """The newest day, in ISO, that has a tenth as many events as the fullest one; None without days."""
    fullest = max(numbers.values(), default=0)
    return max((day for day, number in numbers.items() if number * SHARE >= fullest), default=None)
