"""Counts a pipeline's records in Kafka once more, without Spark, to compare with what the job made of them.

It applies the contract and the rule of lateness that looks at one Kafka partition: a record is late when it lies the
watermark or more behind the newest one before it. What else makes the job call a record late, a window that closed
while its partition was idle, depends on when batches ran.

A count can go on from an earlier one. Identities are remembered for at least as long as the job remembers them, so that
memory does not grow with what the topic holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from eventmill.config.settings import Settings
from eventmill.contracts import events
from eventmill.kafka import topic_reader
from eventmill.kafka.record_sizes import is_too_long
from ops.reconciliation.click_snapshot import Counts, window_text
from ops.reconciliation.last_check import ViewSums
from ops.reconciliation.snapshot import MICROS
from spark_jobs.state.watermark import LONG_AGO

Progress = Callable[[int], object]
Read = Callable[[Any, str, Mapping[int, topic_reader.OffsetRange]], Iterator[Any]]
STEP = 5_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
IDENTITY_BYTES, TIME_BYTES = 16, 8


@dataclass
class Recount:
    """Counts of the records in Kafka; lengths in microseconds, `closed` since the epoch.

    Where a record's time lies more than `ahead` beyond Kafka's, Kafka's counts for the newest one.
    `moved` counts copies whose time is not that of the first one: whether such a copy is a duplicate depends on how
    long the job remembered the first. `refused` are the places of records that a sink refused: they count as broken.

    An identity is forgotten once the job has forgotten it too: when its window has ended the watermark or more before
    `closed`, the job's closing watermark after the last record that is counted, and before what all partitions had
    reached `batch` records ago, with which a batch of the job may have begun. `ends` are the offsets at which the
    partitions end.
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
    closed: int = LONG_AGO
    batch: int = 1_000_000
    ends: Mapping[int, int] = field(default_factory=dict)
    _newest: dict[int, int] = field(default_factory=dict)
    _seen: dict[bytes, int] = field(default_factory=dict)
    _next: dict[int, int] = field(default_factory=dict)
    _reached: int = LONG_AGO
    _since: int = 0

    def go_on(self, views: ViewSums) -> None:
        """Begin with what an earlier count came to."""
        for counts, numbers in ((self.stored, views.stored), (self.late, views.late)):
            counts.update({(window, source): number for window, source, number in numbers})
        self.duplicates.update({(window, source): number for window, source, number in views.duplicates})
        self.broken, self.moved, self._newest = views.broken, views.moved, dict(views.newest)
        for start in range(0, len(views.seen), IDENTITY_BYTES + TIME_BYTES):
            time = start + IDENTITY_BYTES
            self._seen[views.seen[start:time]] = int.from_bytes(views.seen[time : time + TIME_BYTES])

    def views(self) -> ViewSums:
        """The count for a later one that begins where this one ends."""
        stored, late, duplicates = (
            [(*key, number) for key, number in counts.items()] for counts in (self.stored, self.late, self.duplicates)
        )
        self._forget(self.closed)
        seen = b"".join(identity + time.to_bytes(TIME_BYTES) for identity, time in self._seen.items())
        return ViewSums(stored, late, duplicates, self.broken, self.moved, dict(self._newest), seen)

    def newest(self, partition: int) -> int:
        """The newest time of a Kafka partition so far."""
        return self._newest.get(partition, LONG_AGO)

    def total(self) -> int:
        """Number of counted records."""
        return self.stored.total() + self.late.total() + self.duplicates.total() + self.broken

    def add(self, record: Any) -> None:
        """Count one record of Kafka; those of a partition come in the order of their offsets."""
        self._next[record.partition] = record.offset + 1
        self._since += 1
        if self._since >= self.batch:
            self._sweep()
        received = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        try:
            event = events.decode_event(events.ProductView, record.value, received)
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
            self._on_time(event.messageid.bytes, time, key)

    def _on_time(self, identity: bytes, time: int, key: tuple[str, str]) -> None:
        if identity not in self._seen:
            self._seen[identity] = time
            self.stored[key] += 1
        else:
            self.duplicates[key] += 1
            self.moved += self._seen[identity] != time

    def _sweep(self) -> None:
        """Forget what may be forgotten by what had been reached at the last sweep, a batch ago."""
        self._forget(min(self._reached, self.closed))
        unfinished = [number for number, end in self.ends.items() if self._next.get(number, 0) < end]
        self._reached, self._since = min(map(self.newest, unfinished), default=LONG_AGO) - self.watermark, 0

    def _forget(self, closed: int) -> None:
        """Forget the identities whose window has ended the watermark or more before `closed`."""
        # The time at or after which a window ends that is remembered, and so the start of the oldest one.
        oldest = closed - self.watermark - self.window
        self._seen = {identity: time for identity, time in self._seen.items() if time - time % self.window > oldest}


def recount(
    settings: Settings,
    topic: str,
    limits: Mapping[int, topic_reader.OffsetRange],
    on_progress: Progress = lambda _: None,
    *,
    closed: int = LONG_AGO,
    refused: frozenset[tuple[int, int]] = frozenset(),
    before: ViewSums | None = None,
) -> Recount:
    """Read the topic within these bounds and count it, with what was counted `before` them.

    It takes about 200 bytes of memory for each event that the job remembers, and for those of two of its batches.
    """
    result = Recount(
        window=settings.clicks_window_seconds * MICROS,
        watermark=settings.clicks_watermark_seconds * MICROS,
        ahead=settings.max_event_time_ahead_seconds * MICROS,
        refused=refused,
        closed=closed,
        batch=settings.clicks_max_offsets_per_trigger,
        ends={number: held.end for number, held in limits.items()},
    )
    if before:
        result.go_on(before)
    read = partial(topic_reader.in_step, reached=result.newest)
    for record in _records(settings, topic, limits, on_progress, read):
        result.add(record)
    return result


def recount_records(
    settings: Settings,
    topic: str,
    limits: Mapping[int, topic_reader.OffsetRange],
    on_progress: Progress = lambda _: None,
) -> int:
    """Number of records the topic has within these bounds."""
    return sum(1 for _ in _records(settings, topic, limits, on_progress, topic_reader.records_between))


def _records(
    settings: Settings, topic: str, limits: Mapping[int, topic_reader.OffsetRange], on_progress: Progress, read: Read
) -> Iterator[Any]:
    """The topic's records within these bounds, as `read` gives them."""
    with topic_reader.consumer(settings) as client:
        for done, record in enumerate(read(client, topic, limits), 1):
            yield record
            if done % STEP == 0:
                on_progress(done)
    on_progress(sum(held.end - held.first for held in limits.values()))


def _micros(time: datetime) -> int:
    return (time - EPOCH) // timedelta(microseconds=1)
