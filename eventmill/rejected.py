"""The records that were rejected, and why; each counts once however often it was written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from eventmill import reader, topics
from eventmill.settings import Settings

SPARK, NIFI, API = "spark", "nifi", "api"
LONGEST = 900_000
"""Bytes of a record that fit Kafka's limit of 1 MB together with the headers."""

IDENTITIES = {
    SPARK: ("source.topic", "source.partition", "source.offset"),
    API: ("source.request", "source.index"),
    NIFI: ("source.file", "source.line"),
}
"""The headers that tell a rejected record's origin and identify it."""

PLACE = re.compile(r" at byte [0-9]+$")


@dataclass(frozen=True)
class Rejected:
    """One rejected record as it was written.

    `identity` is topic, partition and offset of what Spark rejected, file and line of what NiFi rejected, request and
    place in it of what the API rejected; `received` is when it came in.
    """

    origin: str
    identity: tuple[str, ...]
    reason: str
    received: datetime
    value: bytes


@dataclass
class Summary:
    """Distinct rejected records by origin, and by reason without the place at which it was found."""

    origins: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


def parse(record: Any) -> Rejected:
    """The rejected record that a record of Kafka holds."""
    headers = {name: value.decode(errors="replace") for name, value in record.headers if value is not None}
    origin = next((origin for origin, names in IDENTITIES.items() if names[0] in headers), NIFI)
    return Rejected(
        origin=origin,
        identity=tuple(headers.get(name, "?") for name in IDENTITIES[origin]),
        reason=headers.get("reason", "no reason given"),
        received=datetime.fromtimestamp(int(headers.get("source.time", record.timestamp)) / 1000, UTC),
        value=record.value or b"",
    )


def read(settings: Settings, topic: str) -> Iterator[Rejected]:
    """All that was rejected of a topic until now, as often as it was written."""
    name = topics.rejected(topic)
    with reader.consumer(settings) as client:
        for record in reader.between(client, name, reader.bounds(client, name)):
            yield parse(record)


def distinct(records: Iterable[Rejected]) -> Iterator[Rejected]:
    """Each record once: a batch that was replayed has written its rejected records again."""
    seen = set()
    for record in records:
        if record.identity not in seen:
            seen.add(record.identity)
            yield record


def summary(records: Iterable[Rejected]) -> Summary:
    """The distinct records counted by origin and by reason."""
    result = Summary()
    for record in distinct(records):
        result.origins[record.origin] += 1
        result.reasons[PLACE.sub("", record.reason)] += 1
    return result
