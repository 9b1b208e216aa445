"""The API's numbers for Prometheus, added up over its processes.

To count is to add in memory, which costs a request next to nothing. Each process writes its numbers to a file a few
times a second; the one that is asked adds the files up.
"""

from __future__ import annotations

import asyncio
import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

FOLDER = "NUMBERS_DIR"
"""The variable that names the folder of the processes of one service."""

WRITE_SECONDS = 0.5
BOUNDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""The upper bounds in seconds by which the times of requests are counted."""


class Numbers(msgspec.Struct):
    """Counters of one process.

    Attributes:
        events: by type and outcome.
        requests: by type, status and the place of their time in BOUNDS.
        seconds: how long the requests took together, by type.
    """

    events: dict[tuple[str, str], float] = msgspec.field(default_factory=dict)
    requests: dict[tuple[str, int, int], float] = msgspec.field(default_factory=dict)
    seconds: dict[str, float] = msgspec.field(default_factory=dict)

    def add(self, other: Numbers) -> None:
        """Add what another process has counted."""
        for name in self.__struct_fields__:
            for key, number in getattr(other, name).items():
                _add(getattr(self, name), key, number)


def _add(counts: dict[Any, float], key: object, number: float = 1) -> None:
    counts[key] = counts.get(key, 0) + number


_own = Numbers()


def events(kind: str, outcome: str, number: int = 1) -> None:
    """Counts events of a type as accepted, rejected or not acknowledged."""
    if number:
        _add(_own.events, (kind, outcome), number)


def request(kind: str, status: int, seconds: float) -> None:
    """A request of events was answered."""
    _add(_own.requests, (kind, status, bisect_left(BOUNDS, seconds)))
    _add(_own.seconds, kind, seconds)


async def keep() -> None:
    """Write this process's numbers now and then, as long as it lives."""
    while True:
        await asyncio.sleep(WRITE_SECONDS)
        write_metrics()


def write_metrics() -> None:
    """Write this process's numbers for the others."""
    if FOLDER in os.environ:
        file = Path(os.environ[FOLDER], str(os.getpid()))
        new = file.with_suffix(".new")
        new.write_bytes(msgspec.msgpack.encode(_own))
        new.replace(file)


def prometheus_text() -> bytes:
    """All numbers in Prometheus' text format."""
    write_metrics()
    files = [file for file in Path(os.environ[FOLDER]).iterdir() if not file.suffix] if FOLDER in os.environ else []
    written = [file.read_bytes() for file in files] or [msgspec.msgpack.encode(_own)]
    registry = CollectorRegistry()
    registry.register(MetricsReport(msgspec.msgpack.decode(raw, type=Numbers) for raw in written))
    return generate_latest(registry)


class MetricsReport(Collector):
    """The sum of some processes' numbers, as Prometheus has them."""

    def __init__(self, parts: Iterable[Numbers]) -> None:
        self._sum = Numbers()
        for part in parts:
            self._sum.add(part)

    def collect(self) -> Iterator[Metric]:
        """The three metrics."""
        events = CounterMetricFamily(
            "eventmill_api_events", "Events by type and by what became of them.", labels=["type", "outcome"]
        )
        for (kind, outcome), number in self._sum.events.items():
            events.add_metric([kind, outcome], number)
        requests = CounterMetricFamily(
            "eventmill_api_requests", "Requests to the collector by type and status.", labels=["type", "status"]
        )
        statuses: Counter[tuple[str, int]] = Counter()
        places: Counter[tuple[str, int]] = Counter()
        for (kind, status, place), number in self._sum.requests.items():
            statuses[kind, status] += int(number)
            places[kind, place] += int(number)
        for (kind, status), count in statuses.items():
            requests.add_metric([kind, str(status)], count)
        times = HistogramMetricFamily(
            "eventmill_api_request_seconds", "Time from a request's headers to its answer.", labels=["type"]
        )
        for kind, seconds in self._sum.seconds.items():
            counts = accumulate(places[kind, place] for place in range(len(BOUNDS) + 1))
            bounds = [*map(str, BOUNDS), "+Inf"]
            times.add_metric([kind], list(zip(bounds, counts, strict=True)), seconds)
        yield from (events, requests, times)
