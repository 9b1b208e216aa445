"""Counts a line's records in Kafka once more, without Spark, to compare with what the job made of them.

It applies the contract and the rule of lateness that looks at one Kafka partition: a record is late when it lies the
watermark or more behind the newest one before it. What else makes the job call a record late, a window that closed
while its partition was idle, depends on when batches ran.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from eventmill import events, reader
from eventmill.evidence import MICROS, Counts, window_text
from eventmill.settings import Settings
from eventmill.sizes import is_too_long

Progress = Callable[[int], object]
STEP = 5_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Recount:
    """What the records in Kafka come to; lengths in microseconds.

    Where a record's time lies more than `ahead` beyond Kafka's, Kafka's counts for the newest one.
    `moved` counts copies whose time is not that of the first one: whether such a copy is a duplicate depends on how
    long the job remembered the first. `refused` are the places of records that a sink refused: they count as broken.
    """

    window: int
    watermark: int
    ahead: int = events.AHEAD // timedelta(microseconds=1)
    stored: Counts = field(default_factory=Counter)
    late: Counts = field(default_factory=Counter)
    duplicates: Counts = field(default_factory=Counter)
    broken: int = 0
    moved: int = 0
    refused: frozenset[tuple[int, int]] = frozenset()
    _newest: dict[int, int] = field(default_factory=dict)
    _seen: dict[UUID, int] = field(default_factory=dict)

    def total(self) -> int:
        """How many records were counted."""
        return self.stored.total() + self.late.total() + self.duplicates.total() + self.broken

    def add(self, record: Any) -> None:
        """Count one record of Kafka; those of a partition come in the order of their offsets."""
        received = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        try:
            event = events.decode(events.ProductView, record.value, received)
        except events.EventError:
            self.broken += 1
            return
        if (record.partition, record.offset) in self.refused or is_too_long(record.key, record.value):
            self.broken += 1
            return
        time = _micros(events.utc(event.timestamp))
        newest = self._newest.get(record.partition)
        kafka_time = record.timestamp * 1000
        reached = kafka_time if time > kafka_time + self.ahead else time
        self._newest[record.partition] = reached if newest is None else max(newest, reached)
        key = (window_text(time - time % self.window), event.context.source)
        if newest is not None and time <= newest - self.watermark:
            self.late[key] += 1
        else:
            self._on_time(event.messageid, time, key)

    def _on_time(self, messageid: UUID, time: int, key: tuple[str, str]) -> None:
        if messageid not in self._seen:
            self._seen[messageid] = time
            self.stored[key] += 1
        else:
            self.duplicates[key] += 1
            self.moved += self._seen[messageid] != time


def recount(
    settings: Settings,
    topic: str,
    limits: Mapping[int, reader.Bounds],
    on_progress: Progress = lambda _: None,
    refused: frozenset[tuple[int, int]] = frozenset(),
) -> Recount:
    """Read the topic within these bounds and count it; takes about 250 bytes of memory an event."""
    result = Recount(
        window=settings.clicks_window_seconds * MICROS,
        watermark=settings.clicks_watermark_seconds * MICROS,
        ahead=settings.max_event_time_ahead_seconds * MICROS,
        refused=refused,
    )
    for record in _records(settings, topic, limits, on_progress):
        result.add(record)
    return result


def count(
    settings: Settings, topic: str, limits: Mapping[int, reader.Bounds], on_progress: Progress = lambda _: None
) -> int:
    """How many records the topic has within these bounds."""
    return sum(1 for _ in _records(settings, topic, limits, on_progress))


def _records(
    settings: Settings, topic: str, limits: Mapping[int, reader.Bounds], on_progress: Progress
) -> Iterator[Any]:
    """The topic's records within these bounds."""
    with reader.consumer(settings) as client:
        for done, record in enumerate(reader.between(client, topic, limits), 1):
            yield record
            if done % STEP == 0:
                on_progress(done)
    on_progress(sum(held.end - held.first for held in limits.values()))


def _micros(time: datetime) -> int:
    return (time - EPOCH) // timedelta(microseconds=1)
