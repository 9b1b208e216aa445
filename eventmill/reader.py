"""Reading Kafka's topics without a consumer group: from where to where is the caller's choice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from eventmill.settings import Settings

POLL_MS = 500


class TopicError(RuntimeError):
    """A topic is not there; the message says what to do."""


class Bounds(NamedTuple):
    """The first offset that a partition holds and the one that its next record will get."""

    first: int
    end: int


@contextmanager
def consumer(settings: Settings, **cluster: Any) -> Iterator[Any]:
    """A consumer that reads fast, commits nothing and sees only what is committed, closed at the end.

    `cluster` are the client's options for another cluster than ours.
    """
    from kafka import KafkaConsumer

    client = KafkaConsumer(
        **({"bootstrap_servers": settings.kafka_bootstrap} | cluster),
        bootstrap_timeout_ms=10_000,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_poll_records=5_000,
        max_partition_fetch_bytes=4 << 20,
    )
    try:
        yield client
    finally:
        client.close()


def bounds(client: Any, topic: str) -> dict[int, Bounds]:
    """The bounds of each partition as they are now.

    Raises:
        TopicError: when there is no such topic.
    """
    partitions = _partitions(client, topic)
    first, end = client.beginning_offsets(partitions), client.end_offsets(partitions)
    return {p.partition: Bounds(first[p], end[p]) for p in sorted(partitions)}


def _partitions(client: Any, topic: str) -> list[Any]:
    from kafka import TopicPartition

    if numbers := client.partitions_for_topic(topic):
        return [TopicPartition(topic, number) for number in numbers]
    raise TopicError(f"there is no topic {topic!r} in Kafka; make the topics with: eventmill topics apply")


def ends(settings: Settings, topic: str) -> dict[int, int]:
    """The offset that the next record of each partition will get."""
    with consumer(settings) as client:
        return {partition: held.end for partition, held in bounds(client, topic).items()}


def follow(client: Any, topic: str, starts: Mapping[int, int]) -> Iterator[list[Any]]:
    """Records of the topic from these offsets on, for ever, as they are polled; an empty list when there are none."""
    partitions = _partitions(client, topic)
    client.assign(partitions)
    for partition in partitions:
        client.seek(partition, starts.get(partition.partition, 0))
    while True:
        polled = client.poll(timeout_ms=POLL_MS)
        yield [record for records in polled.values() for record in records]


def between(client: Any, topic: str, limits: Mapping[int, Bounds]) -> Iterator[Any]:
    """The records within these bounds, each partition in the order of its offsets.

    A partition may end with an offset that holds no record, such as the end of a transaction: what counts is how far
    the client has come.
    """
    left = {partition for partition in _partitions(client, topic) if _has_any(limits.get(partition.partition))}
    if not left:
        return
    for records in follow(client, topic, {partition: held.first for partition, held in limits.items()}):
        yield from (r for r in records if (held := limits.get(r.partition)) and r.offset < held.end)
        left = {partition for partition in left if client.position(partition) < limits[partition.partition].end}
        if not left:
            return


def _has_any(held: Bounds | None) -> bool:
    return held is not None and held.end > held.first


def count(client: Any, topic: str, limits: Mapping[int, Bounds]) -> int:
    """How many records lie within these bounds: fewer than offsets, where there were transactions."""
    return sum(1 for _ in between(client, topic, limits))
