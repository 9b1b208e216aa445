"""The books of one pipeline: what Kafka has taken against what the job has counted, kept from look to look.

Kafka tells offsets, not records: the end of each transaction takes an offset too. So where offsets and the job's counts
differ, the records between are read, each once and so many at a time, and what is left is a difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from eventmill.kafka import dead_letters, topic_reader, topics
from eventmill.kafka.topic_reader import OffsetRange, Record
from eventmill.lake import checkpoint_progress

if TYPE_CHECKING:
    from confluent_kafka import Consumer

READ_RECORDS = 50_000
"""The most that a look reads of one topic: some tenths of a second."""

Cursor = dict[int, int]
"""By partition, the offset of the next record to read."""


@dataclass(frozen=True)
class Done:
    """End offsets and totals that a pipeline's job has committed.

    Attributes:
        offsets: by partition, up to where.
        totals: its counts of the records up to there: `stored`, `rejected`, `late`, `duplicates`.
    """

    offsets: Mapping[int, int] = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """The counts that together are all records."""
        return {name: self.totals.get(name, 0) for name in ("stored", "rejected", "late", "duplicates")}

    def records(self) -> int:
        """Number of records the job has counted."""
        return sum(self.counts().values())


@dataclass(frozen=True)
class Books:
    """A pipeline's counts by Kafka's offsets.

    Attributes:
        taken: offsets that Kafka has given.
        waiting: records that the job has still to process.
        difference: records that Kafka has taken and the job has not counted; below 0 when it has counted more.
        unchecked: offsets that are still to be read before the difference is known; it is 0 until then.
        entry: distinct records that never came to the topic, by who held them back.
        lost: partitions that end before what the job has processed, each with both offsets.
        stalled: seconds for which records have been waiting and none was processed.
        missing: events that the API has acknowledged and Kafka does not have.
    """

    taken: int
    waiting: int
    difference: int
    unchecked: int
    entry: Mapping[str, int]
    lost: Mapping[int, tuple[int, int]]
    stalled: float
    missing: int = 0


class Ledger:
    """Keeps a pipeline's books; `compare` is called by one thread at a time."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self._letters: Cursor = {}
        self._entry: Counter[str] = Counter()
        self._seen: set[int] = set()
        self._read: Cursor = {}
        # The offsets below `_read` that hold no record.
        self._without = 0
        self._processed = 0
        self._since = monotonic()
        self._waited = False

    def compare(self, client: Consumer, done: Done) -> Books:
        """The books as of now; what the job has done must have been asked before.

        Raises:
            topic_reader.TopicError: when a topic is missing.
        """
        held = topic_reader.offset_ranges(client, self.topic)
        self._hold_back(client)
        waiting = checkpoint_progress.behind(done.offsets, {number: bounds.end for number, bounds in held.items()})
        difference, unchecked = self._difference(client, held, done)
        ends = {number: (held[number].end if number in held else 0) for number in done.offsets}
        lost = {n: (ends[n], offset) for n, offset in sorted(done.offsets.items()) if ends[n] < offset}
        taken = sum(bounds.end for bounds in held.values())
        return Books(taken, waiting, difference, unchecked, dict(self._entry), lost, self._stalled(waiting, done))

    def _hold_back(self, client: Consumer) -> None:
        """Count the new dead letters of the doors; those of the job are in its own counts."""
        name = topics.rejected(self.topic)
        held = topic_reader.offset_ranges(client, name)
        for record in _onward(client, name, self._letters, held):
            if not dead_letters.is_marker(record):
                letter = dead_letters.parse_rejected(record)
                identity = hash((letter.origin, *letter.identity))
                if letter.origin != dead_letters.SPARK and identity not in self._seen:
                    self._seen.add(identity)
                    self._entry[letter.origin] += 1

    def _difference(self, client: Consumer, held: Mapping[int, OffsetRange], done: Done) -> tuple[int, int]:
        """The difference, and how many offsets are to be read before it is known."""
        self._begin_anew(held, done)
        limits = {n: bounds._replace(end=min(bounds.end, done.offsets.get(n, 0))) for n, bounds in held.items()}
        if self._unexplained(done):
            before = sum(self._read.values())
            records = sum(1 for _ in _onward(client, self.topic, self._read, limits))
            self._without += sum(self._read.values()) - before - records
        unexplained = self._unexplained(done)
        unread = sum(max(0, bounds.end - self._read.get(number, 0)) for number, bounds in limits.items())
        return (0, unread) if unexplained > 0 and unread else (unexplained, 0)

    def _begin_anew(self, held: Mapping[int, OffsetRange], done: Done) -> None:
        """Begin with what the job says where Kafka has removed records unread, and where the job has started over."""
        if any(done.offsets.get(number, 0) < read for number, read in self._read.items()):
            self._read, self._without = {}, 0
        if any(self._read.get(number, 0) < bounds.first for number, bounds in held.items()):
            self._read = dict(done.offsets)
            self._without = sum(self._read.values()) - done.records()

    def _unexplained(self, done: Done) -> int:
        return sum(done.offsets.values()) - self._without - done.records()

    def _stalled(self, waiting: int, done: Done) -> float:
        processed = sum(done.offsets.values())
        if processed != self._processed or not self._waited:
            self._processed, self._since = processed, monotonic()
        self._waited = waiting > 0
        return monotonic() - self._since if self._waited else 0.0


def _onward(client: Consumer, topic: str, cursor: Cursor, limits: Mapping[int, OffsetRange]) -> Iterator[Record]:
    """The records from a cursor to these ends, READ_RECORDS at most; moves the cursor behind them."""
    for number, bounds in limits.items():
        cursor[number] = max(cursor.get(number, 0), bounds.first)
    left = {number: OffsetRange(cursor[number], bounds.end) for number, bounds in limits.items()}
    for number, record in enumerate(topic_reader.records_between(client, topic, left), 1):
        cursor[record.partition] = record.offset + 1
        yield record
        if number == READ_RECORDS:
            return
    # What follows the last record of a partition holds none.
    for number, bounds in left.items():
        cursor[number] = max(cursor[number], bounds.end)
