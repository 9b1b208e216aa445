"""The API's numbers for Prometheus, added up over its processes."""

from __future__ import annotations

import os
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

EVENTS = Counter("eventmill_api_events", "Events by type and by what became of them.", ["type", "outcome"])
REQUESTS = Counter("eventmill_api_requests", "Requests to the collector by type and status.", ["type", "status"])
SECONDS = Histogram(
    "eventmill_api_request_seconds",
    "Time from a request's headers to its answer.",
    ["type"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)


# To look a labelled metric up takes as long as to count with it.
_events = cache(EVENTS.labels)
_requests = cache(REQUESTS.labels)
_seconds = cache(SECONDS.labels)


def events(kind: str, outcome: str, number: int = 1) -> None:
    """So many events of a type were accepted, rejected or not acknowledged."""
    _events(kind, outcome).inc(number)


def request(kind: str, status: int, seconds: float) -> None:
    """A request of events was answered."""
    _requests(kind, status).inc()
    _seconds(kind).observe(seconds)


def text() -> bytes:
    """All numbers in Prometheus' text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
