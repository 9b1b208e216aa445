"""A batch's results come to their topic once, from the broker that librdkafka brings along."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition

from eventmill.config.settings import Settings
from eventmill.kafka import topic_reader
from spark_jobs.sinks import transactional_producer
from spark_jobs.sinks.transactional_producer import LOOK_BACK, OncePublisher
from tests.support import settings

TOPIC = "carts.timed-out"
Records = Sequence[tuple[str, bytes]]
FIRST: Records = [("user-1", b"one"), ("user-2", b"two"), ("user-3", b"three")]
SECOND: Records = [("user-1", b"four")]


@pytest.fixture
def kafka() -> Iterator[Settings]:
    """A broker of its own with the topic."""
    broker = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    [address] = broker.list_topics(timeout=10).brokers.values()
    broker.list_topics(TOPIC, timeout=10)
    yield settings(kafka_host="127.0.0.1", kafka_port=address.port)
    broker.flush(0)


def written(kafka: Settings) -> list[tuple[bytes, bytes]]:
    """Value and batch of each record, sorted."""
    with topic_reader.consumer(kafka) as client:
        limits = topic_reader.offset_ranges(client, TOPIC)
        records = topic_reader.records_between(client, TOPIC, limits)
        return sorted((record.value or b"", dict(record.headers)["batch"] or b"") for record in records)


def test_each_batch_is_written_with_its_name(kafka: Settings) -> None:
    publisher = OncePublisher(kafka, TOPIC)
    publisher.publish(FIRST, "1")
    publisher.publish(SECOND, "2")
    assert written(kafka) == [(b"four", b"2"), (b"one", b"1"), (b"three", b"1"), (b"two", b"1")]


@pytest.mark.parametrize("again", [FIRST, FIRST[:1]])
def test_after_a_restart_a_batch_that_is_there_is_not_written_again(kafka: Settings, again: Records) -> None:
    OncePublisher(kafka, TOPIC).publish(FIRST, "1")
    publisher = OncePublisher(kafka, TOPIC)
    publisher.publish(again, "1")
    publisher.publish(SECOND, "2")
    assert [batch for _, batch in written(kafka)] == [b"2", b"1", b"1", b"1"]


def test_after_a_restart_a_batch_that_is_not_there_is_written(kafka: Settings) -> None:
    OncePublisher(kafka, TOPIC).publish(FIRST, "1")
    OncePublisher(kafka, TOPIC).publish(SECOND, "2")
    assert (b"four", b"2") in written(kafka)


def test_an_empty_batch_asks_nobody() -> None:
    OncePublisher(settings(kafka_port=1), TOPIC).publish([], "1")


class Partition:
    """A reader of one partition that holds records at some offsets, and ends of transactions at the others."""

    def __init__(self, first: int, end: int, *records: int) -> None:
        self._bounds, self._records = (first, end), records
        self.begins: list[int] = []

    def get_watermark_offsets(self, _: TopicPartition, __: float) -> tuple[int, int]:
        """As librdkafka's."""
        return self._bounds

    def read(self, _: Any, start: TopicPartition) -> Iterator[int]:
        """The offsets of the records from there on."""
        assert start.offset not in self.begins, "the same again, for ever"
        self.begins.append(start.offset)
        return (offset for offset in self._records if offset >= start.offset)


@pytest.mark.parametrize(
    ("first", "end", "records", "last"),
    [
        (0, 0, (), None),
        (0, 1, (0,), 0),
        (0, 3, (0, 1), 1),
        (0, 3, (), None),
        (0, 50 * LOOK_BACK, (7, 9), 9),
        (5, 50 * LOOK_BACK, (7,), 7),
        (3 * LOOK_BACK, 4 * LOOK_BACK, (), None),
    ],
)
def test_the_last_record_is_found_however_many_transactions_ended_after_it(
    monkeypatch: pytest.MonkeyPatch, first: int, end: int, records: tuple[int, ...], last: int | None
) -> None:
    reader: Any = Partition(first, end, *records)
    monkeypatch.setattr(transactional_producer, "_read", reader.read)
    found: Any = transactional_producer._last(reader, TopicPartition(TOPIC, 0))
    assert found == last
    assert all(begin >= first for begin in reader.begins)
