"""Specification of sample data: number of events, span of time, shares of faults."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from eventmill.config.errors import EventmillError

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class GenerateError(EventmillError, ValueError):
    """A specification cannot be met; the message says what is allowed."""


def seconds(text: str) -> int:
    """The seconds of a span such as `90m`, `6h` or `2d`."""
    match = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", text.strip())
    if not match:
        raise GenerateError(f"span {text!r}: give a whole number and s, m, h or d, such as 90m or 6h")
    return int(match[1]) * UNITS[match[2]]


def share(text: str) -> float:
    """The share from 0 to 1 of a percentage such as `1%` or `0.5%`."""
    match = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]+)?)%", text.strip())
    if not match or float(match[1]) > 100:
        raise GenerateError(f"share {text!r}: give a percentage from 0% to 100%, such as 0.5%")
    return float(match[1]) / 100


def start_time(text: str) -> datetime:
    """The time of an RFC 3339 text; one without a zone is UTC."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise GenerateError(f"start {text!r}: give a time such as 2026-01-01T00:00:00Z") from error
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class Spec:
    """Specification: `count` unique events on time over `span` seconds from `start`, and shares of faults."""

    count: int
    seed: int = 7
    start: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    span: int = 6 * 3600
    late: float = 0.0
    duplicates: float = 0.0
    broken: float = 0.0
    window: int = 300
    watermark: int = 300
    array: bool = False

    def check(self, now: datetime) -> None:
        """Refuse what the contract would reject or the watermark make untrue.

        Raises:
            GenerateError: naming what is wrong.
        """
        if self.count < 1:
            raise GenerateError(f"count {self.count}: give 1 or more")
        if self.start < EARLIEST or self.start + timedelta(seconds=self.span) > now + timedelta(days=1):
            raise GenerateError(f"start {self.start}: events must lie between 2000-01-01 and one day from now")
        if self.watermark < 5:
            raise GenerateError(f"watermark {self.watermark}: the truth holds from 5 seconds on")

    def first_late(self) -> int:
        """The first index after which an event can be late and still lie within the span."""
        return int((self.watermark * 6.2 + 1) * self.count / self.span) + 1


BUSIEST = 10
"""Seconds of the span that a user needs for each action, on average."""


@dataclass(frozen=True)
class CartsPlan(Spec):
    """Specification of shoppers: `count` unique actions on time of at most `users` users.

    Attributes:
        timeout: seconds after the last action from which on a cart is abandoned.
        partitions: those of the Kafka topic.
    """

    span: int = 2 * 3600
    window: int = 5
    watermark: int = 60
    users: int = 500
    timeout: int = 1800
    partitions: int = 4

    def check(self, now: datetime) -> None:
        """Refuse what the contract would reject, the watermark make untrue, or so many users cannot do.

        Raises:
            GenerateError: naming what is wrong.
        """
        super().check(now)
        if self.users < 1:
            raise GenerateError(f"users {self.users}: give 1 or more")
        if self.count > (most := max(1, self.users * self.span // BUSIEST)):
            raise GenerateError(f"count {self.count}: {self.users} users do {most} actions at most in that span")
