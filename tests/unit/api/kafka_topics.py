"""Kafka's topics in memory, for who reads them with a consumer of confluent-kafka."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, KafkaError, TopicPartition

from eventmill.config.settings import Settings
from eventmill.kafka import dead_letters, topics


class Record(NamedTuple):
    """A record of a topic."""

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
        """As `eventmill.kafka.topic_reader.consumer`."""
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
        headers = tuple((name, str(number).encode()) for name in dead_letters.IDENTITIES[origin])
        held.append(Record(0, len(held), headers=headers))


class Message:
    """A record, or the end of a partition, as a consumer gives it."""

    def __init__(self, record: Record, error: KafkaError | None = None) -> None:
        self._record = record
        self._error = error

    def error(self) -> KafkaError | None:
        """The end of the partition, if it is no record."""
        return self._error

    def partition(self) -> int:
        """Its partition."""
        return self._record.partition

    def offset(self) -> int:
        """Its offset, or that after the last record."""
        return self._record.offset

    def timestamp(self) -> tuple[int, int]:
        """When Kafka got it."""
        return 1, self._record.timestamp

    def key(self) -> bytes | None:
        """Its key."""
        return self._record.key

    def value(self) -> bytes | None:
        """Its value."""
        return self._record.value

    def headers(self) -> list[tuple[str, bytes]]:
        """Its headers."""
        return list(self._record.headers)


class Consumer:
    """A client of these topics, at what was removed of them by age."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._at: dict[tuple[str, int], int] = {}

    def list_topics(self, topic: str, _timeout: float) -> SimpleNamespace:
        """The partitions of a topic; none when there is no such topic."""
        held = SimpleNamespace(error=None, partitions=dict(self._topics.partitions.get(topic, {})))
        return SimpleNamespace(topics={topic: held})

    def offsets_for_times(self, asked: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        """Where each begins or ends."""
        return [TopicPartition(each.topic, each.partition, self._bound(each)) for each in asked]

    def _bound(self, asked: TopicPartition) -> int:
        if asked.offset == OFFSET_BEGINNING:
            return self._topics.removed.get(asked.topic, 0)
        return len(self._topics.partitions[asked.topic][asked.partition])

    def assign(self, partitions: list[TopicPartition]) -> None:
        """Read these from there on."""
        self._at = {(each.topic, each.partition): each.offset for each in partitions}

    def unassign(self) -> None:
        """Read nothing any more."""
        self._at = {}

    def consume(self, _number: int, _timeout: float) -> list[Message]:
        """Some records of each partition, and its end where that is reached."""
        found = []
        for (topic, partition), begin in self._at.items():
            whole = self._topics.partitions[topic][partition]
            held = whole[begin : begin + self._topics.per_poll]
            self._at[topic, partition] += len(held)
            records = [Message(record) for record in held if record]
            self._topics.read += len(records)
            found += records
            if self._at[topic, partition] == len(whole):
                end = Record(partition, len(whole))
                found.append(Message(end, KafkaError(KafkaError._PARTITION_EOF)))
        return found
