"""Reading between bounds, from the broker that librdkafka brings along: all of it, nothing beyond, and an end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from eventmill.kafka import topic_reader
from eventmill.kafka.topic_reader import OffsetRange
from tests.support import settings

TOPIC = "clicks"


class Broker:
    """A topic of four partitions."""

    def __init__(self) -> None:
        self.producer = Producer({"test.mock.num.brokers": 1, "partitioner": "murmur2_random"})
        [broker] = self.producer.list_topics(timeout=10).brokers.values()
        self.address = f"{broker.host}:{broker.port}"
        self.producer.list_topics(TOPIC, timeout=10)

    def fill(self, *numbers: int) -> None:
        """Write so many records to each partition: its number and the record's."""
        for partition, number in enumerate(numbers):
            for each in range(number):
                self.producer.produce(TOPIC, b"%d" % each, b"k", partition, timestamp=1_700_000_000_123)
        assert self.producer.flush(10) == 0

    @contextmanager
    def consumer(self) -> Iterator[Consumer]:
        """A consumer of this broker."""
        with topic_reader.consumer(settings(), **{"bootstrap.servers": self.address}) as client:
            yield client

    def offsets(self, limits: dict[int, OffsetRange]) -> list[tuple[int, int]]:
        """Partition and offset of what is read between the limits."""
        with self.consumer() as client:
            return sorted(
                (record.partition, record.offset) for record in topic_reader.records_between(client, TOPIC, limits)
            )


@pytest.fixture
def broker() -> Broker:
    """A broker of its own for a test."""
    return Broker()


def test_bounds_are_those_of_each_partition(broker: Broker) -> None:
    broker.fill(4, 0, 1)
    with broker.consumer() as client:
        assert topic_reader.offset_ranges(client, TOPIC) == {
            0: OffsetRange(0, 4),
            1: OffsetRange(0, 0),
            2: OffsetRange(0, 1),
            3: OffsetRange(0, 0),
        }


def test_a_topic_that_is_missing_is_named_with_what_to_do() -> None:
    unknown = SimpleNamespace(error=KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART), partitions={})
    client: Any = SimpleNamespace(list_topics=lambda topic, _: SimpleNamespace(topics={topic: unknown}))
    with pytest.raises(topic_reader.TopicError, match=r"no topic 'nothing' in Kafka; .* eventmill topics apply"):
        topic_reader.offset_ranges(client, "nothing")


def test_who_has_read_all_asks_for_no_more(broker: Broker) -> None:
    broker.fill(3)
    with broker.consumer() as client:
        assert len(list(topic_reader.records_between(client, TOPIC, {0: OffsetRange(0, 3)}))) == 3
        assert client.assignment() == []


def test_all_within_the_bounds_is_read_and_nothing_beyond(broker: Broker) -> None:
    broker.fill(9, 5, 7)
    read = broker.offsets({0: OffsetRange(2, 5), 1: OffsetRange(0, 5), 2: OffsetRange(3, 3)})
    assert read == [(0, 2), (0, 3), (0, 4), *((1, n) for n in range(5))]


def test_nothing_is_read_where_nothing_is(broker: Broker) -> None:
    broker.fill(3)
    assert broker.offsets({0: OffsetRange(3, 3)}) == []


def test_reading_ends_at_an_end_that_holds_no_record(broker: Broker) -> None:
    """As after a transaction: the partition's end is reached, however little is there."""
    broker.fill(3, 2)
    with broker.consumer() as client:
        assert topic_reader.count_records(client, TOPIC, {0: OffsetRange(0, 3), 1: OffsetRange(1, 2)}) == 4


@pytest.mark.parametrize(("stride", "order"), [(2, [0, 0, 1, 1, 3, 3, 1, 1, 1]), (5, [0, 0, 1, 1, 1, 1, 1, 3, 3])])
def test_the_partition_that_has_reached_least_is_read_on(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, stride: int, order: list[int]
) -> None:
    monkeypatch.setattr(topic_reader, "STRIDE", stride)
    broker.fill(2, 5, 0, 3)
    limits = {0: OffsetRange(0, 2), 1: OffsetRange(0, 5), 2: OffsetRange(0, 0), 3: OffsetRange(1, 3)}
    read: list[tuple[int, int]] = []
    with broker.consumer() as client:
        for record in topic_reader.in_step(
            client, TOPIC, limits, lambda partition: sum(each == partition for each, _ in read)
        ):
            read.append((record.partition, record.offset))
    assert [partition for partition, _ in read] == order
    assert sorted(read) == broker.offsets(limits)


def test_few_records_are_read_all_at_once(broker: Broker) -> None:
    broker.fill(2, 3)
    with broker.consumer() as client:
        assert len(list(topic_reader.in_step(client, TOPIC, {0: OffsetRange(0, 2), 1: OffsetRange(1, 3)}, abs))) == 4


def test_records_come_as_they_were_written(broker: Broker) -> None:
    headers: list[tuple[str, str | bytes | None]] = [("reason", b"late"), ("empty", None), ("reason", b"\xff")]
    broker.producer.produce(TOPIC, None, None, 1, timestamp=1_700_000_000_123, headers=headers)
    broker.fill(0, 1)
    with broker.consumer() as client:
        first, second = topic_reader.records_between(client, TOPIC, {1: OffsetRange(0, 2)})
    assert first == (1, 0, 1_700_000_000_123, None, None, headers)
    assert second == (1, 1, 1_700_000_000_123, b"k", b"0", [])


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_records_of_every_compression_are_read(broker: Broker, codec: str) -> None:
    producer = Producer({"bootstrap.servers": broker.address, "compression.type": codec, "linger.ms": 50})
    values = [b'{"text":"%b"}' % (b"%d" % number * 500) for number in range(20)]
    for value in values:
        producer.produce(TOPIC, value, partition=2)
    assert producer.flush(10) == 0
    with broker.consumer() as client:
        limits = topic_reader.offset_ranges(client, TOPIC)
        assert [record.value for record in topic_reader.records_between(client, TOPIC, limits)] == values
        followed = chain.from_iterable(topic_reader.follow(client, TOPIC, {2: 18}))
        assert [next(followed).value, next(followed).value] == values[18:]


def test_what_comes_later_is_followed(broker: Broker) -> None:
    broker.fill(2)
    with broker.consumer() as client:
        followed = chain.from_iterable(topic_reader.follow(client, TOPIC, {0: 1}))
        assert next(followed).offset == 1
        broker.fill(1)
        assert next(followed).offset == 2


def test_a_kafka_that_is_away_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_reader, "TIMEOUT", 0.2)
    with (
        topic_reader.consumer(settings(), **{"bootstrap.servers": "127.0.0.1:1"}) as client,
        pytest.raises(KafkaException),
    ):
        topic_reader.offset_ranges(client, TOPIC)
