"""Kafka's topics in memory, for who reads them with a consumer of kafka-python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kafka import TopicPartition

from eventmill import rejected, topics
from eventmill.settings import Settings


class Record(NamedTuple):
    """A record as kafka-python gives it."""

    partition: int
    offset: int
    value: bytes | None = b"{}"
    headers: tuple[tuple[str, bytes], ...] = ()
    key: bytes | None = None
    timestamp: int = 0


@dataclass
class Topics:
    """What Kafka has: by topic and partition the records, of which None is an offset without one."""

    partitions: dict[str, dict[int, list[Record | None]]] = field(default_factory=dict)
    removed: dict[str, int] = field(default_factory=dict)
    read: int = 0
    per_poll: int = 1000

    @contextmanager
    def consumer(self, _: Settings, **_more: Any) -> Iterator[Consumer]:
        """As `eventmill.reader.consumer`."""
        yield Consumer(self)

    def put(self, topic: str, *counts: int) -> None:
        """Give a topic that many more records in each partition."""
        held = self.partitions.setdefault(topic, {number: [] for number in range(len(counts))})
        for number, count in enumerate(counts):
            held[number] += [Record(number, len(held[number]) + place) for place in range(count)]

    def end_transaction(self, topic: str, partition: int) -> None:
        """Its marker takes an offset."""
        self.partitions[topic][partition].append(None)

    def reject(self, topic: str, origin: str, number: int) -> None:
        """Add a dead letter, as that door or the job writes it."""
        held = self.partitions.setdefault(topics.rejected(topic), {0: []})[0]
        headers = tuple((name, str(number).encode()) for name in rejected.IDENTITIES[origin])
        held.append(Record(0, len(held), headers=headers))


class Consumer:
    """A client of these topics, at what was removed of them by age."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._at: dict[TopicPartition, int] = {}

    def partitions_for_topic(self, topic: str) -> set[int]:
        """The numbers of its partitions."""
        return set(self._topics.partitions.get(topic, ()))

    def beginning_offsets(self, partitions: list[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Where each begins."""
        return {p: self._topics.removed.get(p.topic, 0) for p in partitions}

    def end_offsets(self, partitions: list[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Where each ends."""
        return {p: len(self._topics.partitions[p.topic][p.partition]) for p in partitions}

    def assign(self, partitions: list[TopicPartition]) -> None:
        """Read these."""
        self._at = dict.fromkeys(partitions, 0)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read one from there on."""
        self._at[partition] = offset

    def position(self, partition: TopicPartition) -> int:
        """Where it reads on."""
        return self._at[partition]

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Record]]:
        """Some records of each partition."""
        found = {}
        for partition, begin in self._at.items():
            held = self._topics.partitions[partition.topic][partition.partition][begin : begin + self._topics.per_poll]
            self._at[partition] += len(held)
            found[partition] = [record for record in held if record]
            self._topics.read += len(found[partition])
        return found
