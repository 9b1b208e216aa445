"""Reading Kafka's topics without a consumer group: from where to where is the caller's choice.

librdkafka decompresses what any producer may have compressed: gzip, snappy, lz4 and zstd.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from eventmill.config.errors import EventmillError
from eventmill.config.settings import Settings
from eventmill.kafka import consumer as shared

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

TIMEOUT = 10.0
"""Seconds that Kafka has to answer a question about a topic."""

POLL_SECONDS = 0.5
AT_ONCE = 5_000
STRIDE = 20_000
"""Number of offsets that a partition may get ahead of those that are read in step with it."""

OPTIONS: dict[str, object] = {
    "auto.offset.reset": "earliest",
    # Errors are raised, and a broker that is away for a moment is waited for.
    "log_level": 0,
    # Until it has waited so long for new records, a broker answers no other question of the same client.
    "fetch.wait.max.ms": 50,
    **shared.MANY,
}


class TopicError(EventmillError):
    """A topic is not there; the message says what to do."""


class OffsetRange(NamedTuple):
    """The first offset that a partition holds and the one that its next record will get."""

    first: int
    end: int


class Record(NamedTuple):
    """A record of Kafka; `timestamp` in milliseconds since the epoch."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


@contextmanager
def consumer(settings: Settings, **cluster: Any) -> Iterator[Consumer]:
    """A consumer that reads fast, commits nothing and sees only what is committed, closed at the end.

    `cluster` are the client's options for another cluster than ours.
    """
    from confluent_kafka import Consumer

    client = Consumer(shared.consumer_configuration(settings.kafka_bootstrap, "reader") | OPTIONS | cluster)
    try:
        yield client
    finally:
        client.close()


def offset_ranges(client: Consumer, topic: str) -> dict[int, OffsetRange]:
    """The bounds of each partition as they are now; transactions that are open lie beyond the end.

    Raises:
        TopicError: when there is no such topic.
    """
    from confluent_kafka import OFFSET_BEGINNING, OFFSET_END

    partitions = _partitions(client, topic)
    first, end = (_offsets(client, topic, partitions, moment) for moment in (OFFSET_BEGINNING, OFFSET_END))
    return {partition: OffsetRange(first[partition], end[partition]) for partition in partitions}


def _partitions(client: Consumer, topic: str) -> list[int]:
    from confluent_kafka import KafkaError, KafkaException

    found = client.list_topics(topic, TIMEOUT).topics[topic]
    if found.error is not None and found.error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
        raise KafkaException(found.error)
    if not found.partitions:
        raise TopicError(
            f"there is no topic {topic!r} in Kafka; make the topics with: eventmill topics apply "
            "(if it was there before, the records that it held are lost)"
        )
    return sorted(found.partitions)


def _offsets(client: Consumer, topic: str, partitions: list[int], moment: int) -> dict[int, int]:
    """The offset at the beginning or at the end of each partition, of all of them at once."""
    from confluent_kafka import KafkaException, TopicPartition

    asked = [TopicPartition(topic, partition, moment) for partition in partitions]
    answers = client.offsets_for_times(asked, timeout=TIMEOUT)
    if errors := [answer.error for answer in answers if answer.error is not None]:
        raise KafkaException(errors[0])
    return {answer.partition: answer.offset for answer in answers}


def topic_id(settings: Settings, topic: str) -> str:
    """The identity that Kafka gave a topic when it was made: one of the same name that is created again has another."""
    from confluent_kafka import TopicCollection
    from confluent_kafka.admin import AdminClient

    client = AdminClient({"bootstrap.servers": settings.kafka_bootstrap, "log_level": 0})
    asked = client.describe_topics(TopicCollection([topic]), request_timeout=TIMEOUT)
    return str(asked[topic].result(TIMEOUT).topic_id)


def ends(settings: Settings, topic: str) -> dict[int, int]:
    """The offset that the next record of each partition will get."""
    with consumer(settings) as client:
        return {partition: held.end for partition, held in offset_ranges(client, topic).items()}


def follow(client: Consumer, topic: str, starts: Mapping[int, int]) -> Iterator[list[Record]]:
    """Records of the topic from these offsets on, for ever, as they are polled; an empty list when there are none."""
    for messages in _polled(client, topic, {number: starts.get(number, 0) for number in _partitions(client, topic)}):
        yield [_record(message) for message in messages if not message.error()]


def records_between(client: Consumer, topic: str, limits: Mapping[int, OffsetRange]) -> Iterator[Record]:
    """The records within these bounds, each partition in the order of its offsets.

    A partition may end with an offset that holds no record, such as the end of a transaction: what counts is how far
    the client has come.
    """
    left = {number: held.end for number, held in limits.items() if held.end > held.first}
    if not left:
        return
    for messages in _polled(client, topic, {number: limits[number].first for number in left}):
        for message in messages:
            record = _record(message)
            if not message.error() and record.offset < limits[record.partition].end:
                yield record
            # At a partition's end, the message has the offset after it and no record.
            if record.offset + (not message.error()) >= limits[record.partition].end:
                left.pop(record.partition, None)
        if not left:
            return


def in_step(
    client: Consumer, topic: str, limits: Mapping[int, OffsetRange], reached: Callable[[int], int]
) -> Iterator[Record]:
    """The records within these bounds, a stride at a time of the partition that has reached least.

    Else the small partitions are read to their ends long before the large ones, and so is their time.
    """
    left = {number: held for number, held in limits.items() if held.end > held.first}
    if sum(held.end - held.first for held in left.values()) <= STRIDE:
        yield from records_between(client, topic, left)
        return
    while left:
        number = min(left, key=reached)
        first, end = left.pop(number)
        middle = min(first + STRIDE, end)
        yield from records_between(client, topic, {number: OffsetRange(first, middle)})
        if middle < end:
            left[number] = OffsetRange(middle, end)


def _polled(client: Consumer, topic: str, starts: Mapping[int, int]) -> Iterator[list[Message]]:
    """Records, and the ends of partitions where they are reached, from these offsets on, for ever.

    Raises:
        KafkaException: when Kafka refuses; while it is away, it is waited for.
    """
    from confluent_kafka import KafkaError, KafkaException, TopicPartition

    away = {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE, KafkaError._TIMED_OUT}
    client.assign([TopicPartition(topic, partition, offset) for partition, offset in starts.items()])
    try:
        while True:
            messages = []
            for message in client.consume(AT_ONCE, POLL_SECONDS):
                error = message.error()
                if error is None or error.code() == KafkaError._PARTITION_EOF:
                    messages.append(message)
                elif error.code() not in away:
                    raise KafkaException(error)
            yield messages
    finally:
        # A broker answers one question of a client after the other, and one for new records only when there are some.
        # A client that was closed before what it reads asks no more.
        with suppress(RuntimeError):
            client.unassign()


def _record(message: Message) -> Record:
    partition, offset = message.partition(), message.offset()
    assert partition is not None
    assert offset is not None
    headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
    return Record(partition, offset, message.timestamp()[1], message.key(), message.value(), headers)


def count_records(client: Consumer, topic: str, limits: Mapping[int, OffsetRange]) -> int:
    """Number of records within these bounds: fewer than offsets, where there were transactions."""
    return sum(1 for _ in records_between(client, topic, limits))
