"""Reading between bounds: all of it, nothing beyond, and an end."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition

from eventmill import reader
from eventmill.reader import Bounds


class Log:
    """Takes a consumer's place: partitions with so many records each, given out in small polls.

    `silent` are partition and offset of what holds no record, such as the ends of transactions.
    """

    def __init__(self, silent: frozenset[tuple[int, int]] = frozenset(), **ends: int) -> None:
        self.ends = {int(name.removeprefix("p")): end for name, end in ends.items()}
        self.waiting: deque[Any] = deque()
        self.silent = silent
        self.positions: dict[int, int] = {}

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """As the client's own."""
        return set(self.ends) if topic == "clicks" else None

    def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        """As the client's own."""
        return dict.fromkeys(partitions, 0)

    def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        """As the client's own."""
        return {partition: self.ends[partition.partition] for partition in partitions}

    def assign(self, partitions: list[TopicPartition]) -> None:
        """As the client's own."""
        self.waiting.clear()

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """As the client's own."""
        self.positions[partition.partition] = offset
        for number in range(offset, self.ends[partition.partition]):
            self.waiting.append(SimpleNamespace(partition=partition.partition, offset=number))

    def poll(self, timeout_ms: int) -> dict[int, list[Any]]:
        """As the client's own."""
        polled = [self.waiting.popleft() for _ in range(min(3, len(self.waiting)))]
        for record in polled:
            self.positions[record.partition] = record.offset + 1
        seen = [r for r in polled if (r.partition, r.offset) not in self.silent]
        return {record.partition: [r for r in seen if r.partition == record.partition] for record in seen}

    def position(self, partition: TopicPartition) -> int:
        """As the client's own."""
        return self.positions[partition.partition]


def offsets(log: Log, limits: dict[int, Bounds]) -> list[tuple[int, int]]:
    """Partition and offset of what is read between the limits."""
    return [(record.partition, record.offset) for record in reader.between(log, "clicks", limits)]


def test_bounds_are_those_of_each_partition() -> None:
    assert reader.bounds(Log(p0=4, p1=0), "clicks") == {0: Bounds(0, 4), 1: Bounds(0, 0)}


def test_a_topic_that_is_missing_is_named_with_what_to_do() -> None:
    with pytest.raises(reader.TopicError, match=r"no topic 'nothing' in Kafka; .* eventmill topics apply"):
        reader.bounds(Log(p0=1), "nothing")


def test_all_within_the_bounds_is_read_and_nothing_beyond() -> None:
    read = offsets(Log(p0=9, p1=5, p2=7), {0: Bounds(2, 5), 1: Bounds(0, 5), 2: Bounds(3, 3)})
    assert sorted(read) == [(0, 2), (0, 3), (0, 4), *((1, n) for n in range(5))]


def test_nothing_is_read_where_nothing_is() -> None:
    assert offsets(Log(p0=3), {0: Bounds(3, 3)}) == []


def test_reading_ends_where_the_last_offset_holds_no_record() -> None:
    log = Log(frozenset({(0, 1), (0, 4), (1, 0)}), p0=5, p1=1)
    limits = reader.bounds(log, "clicks")
    assert offsets(log, limits) == [(0, 0), (0, 2), (0, 3)]
    assert reader.count(log, "clicks", limits) == 3
