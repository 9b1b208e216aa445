"""Delivering a FlowFile's messages once, whatever Kafka does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError, NotEnoughReplicasError
from kafka.partitioner import DefaultPartitioner
from kafka.producer.future import FutureProduceResult, FutureRecordMetadata
from kafka.structs import TopicPartition

from nifi.delivery import Delivery, Partitioner
from nifi.messages import Message

MESSAGES = [Message(b"1"), Message(b"2"), Message(b"3")]


@dataclass
class Producer:
    """Kafka's producer with the broker's side in the test's hands: `answer` settles a message when it is sent."""

    answer: Callable[[bytes, FutureProduceResult], object]
    sent: list[bytes] = field(default_factory=list)
    flying: dict[bytes, FutureProduceResult] = field(default_factory=dict)

    def send(self, topic: str, value: bytes, key: bytes | None, headers: list[Any]) -> FutureRecordMetadata:
        """Note the message and let `answer` settle it."""
        result = FutureProduceResult(TopicPartition(topic, 0))
        self.sent.append(value)
        self.flying[value] = result
        future = FutureRecordMetadata(result, 0, 0, None, 0, len(value), 0)
        self.answer(value, result)
        return future

    def flush(self, seconds: float) -> None:
        """Nothing waits here."""


class Cluster:
    """What the partitioner asks of Kafka's metadata."""

    def topics(self) -> set[str]:
        """One topic."""
        return {"clicks"}

    def partitions_for_topic(self, topic: str) -> set[int]:
        """Four partitions."""
        return {0, 1, 2, 3}

    available_partitions_for_topic = partitions_for_topic


def take(_: bytes, result: FutureProduceResult) -> None:
    result.success((0, -1, None))


def test_all_is_delivered_in_order() -> None:
    producer = Producer(take)
    delivery = Delivery("clicks", MESSAGES)
    delivery.attempt(producer, 1)
    assert delivery.done
    assert producer.sent == [b"1", b"2", b"3"]


def test_what_is_on_its_way_is_waited_for_and_not_sent_again() -> None:
    producer = Producer(lambda value, result: take(value, result) if value == b"1" else None)
    delivery = Delivery("clicks", MESSAGES)
    with pytest.raises(KafkaTimeoutError):
        delivery.attempt(producer, 0.01)
    for value in (b"2", b"3"):
        take(value, producer.flying[value])
    delivery.attempt(producer, 1)
    assert delivery.done
    assert producer.sent == [b"1", b"2", b"3"]


def test_what_kafka_refused_is_sent_again_and_nothing_else() -> None:
    producer = Producer(
        lambda value, result: result.failure(NotEnoughReplicasError()) if value == b"2" else take(value, result)
    )
    delivery = Delivery("clicks", MESSAGES)
    with pytest.raises(NotEnoughReplicasError):
        delivery.attempt(producer, 1)
    producer.answer = take
    delivery.attempt(producer, 1)
    assert delivery.done
    assert producer.sent == [b"1", b"2", b"3", b"2"]


def test_what_could_not_be_handed_over_is_sent_by_the_next_attempt() -> None:
    def answer(value: bytes, result: FutureProduceResult) -> None:
        if value == b"2" and not producer.sent.count(b"2") > 1:
            raise KafkaTimeoutError("no metadata")
        take(value, result)

    producer = Producer(answer)
    delivery = Delivery("clicks", MESSAGES)
    with pytest.raises(KafkaTimeoutError):
        delivery.attempt(producer, 1)
    delivery.attempt(producer, 1)
    assert delivery.done
    assert producer.sent == [b"1", b"2", b"2", b"3"]


def test_keys_go_to_the_partitions_that_kafka_itself_would_choose() -> None:
    kafka, ours = DefaultPartitioner(), Partitioner()
    for key in [b"user-1", b"user-2", b"user-1", b""]:
        arguments = ("clicks", None, key, None, b"", Cluster())
        assert ours.partition(*arguments) == kafka.partition(*arguments)
