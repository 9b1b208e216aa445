"""The producer: what is not acknowledged is told by its place in the request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import cast

import pytest
from confluent_kafka import KafkaError, Message

from api.collect.publisher import OutgoingRecord, Publisher, PublishResult, publisher_configuration
from eventmill.config.disk import Reserve
from tests.support import settings

LOST = KafkaError(KafkaError._MSG_TIMED_OUT)
RECORDS = [OutgoingRecord("clicks", b"user-1", value) for value in (b"first", b"twice", b"twice", b"last")]


@dataclass
class Delivery:
    """What librdkafka says of a record."""

    record: OutgoingRecord

    def topic(self) -> str:
        """The topic that it was for."""
        return self.record.topic

    def value(self) -> bytes:
        """The record's value."""
        return self.record.value


@pytest.mark.parametrize(("lost", "places"), [((), set()), ((3,), {3}), ((1, 2), {1, 2}), ((0, 1, 2, 3), {0, 1, 2, 3})])
def test_lost_records_are_told_by_their_places(lost: tuple[int, ...], places: set[int]) -> None:
    told: list[dict[int, str]] = []
    outcome = PublishResult(RECORDS, told.append)
    for index, record in enumerate(RECORDS):
        assert not told
        outcome.settle(LOST if index in lost else None, cast(Message, Delivery(record)))
    assert [set(errors) for errors in told] == [places]


def test_of_two_equal_records_one_may_be_lost() -> None:
    told: list[dict[int, str]] = []
    outcome = PublishResult(RECORDS[1:3], told.append)
    outcome.refuse(0, LOST)
    outcome.settle(LOST, cast(Message, Delivery(RECORDS[2])))
    assert [set(errors) for errors in told] == [{0, 1}]


def test_without_kafka_every_record_is_told_in_time() -> None:
    async def publish() -> dict[int, str]:
        publisher = Publisher(settings(kafka_port=1, api_timeout_seconds=1))
        publisher.start()
        records = [*RECORDS, OutgoingRecord("clicks", None, b"x" * 2_000_000)]
        lost = await asyncio.to_thread(publisher.publish_from_thread, records)
        await publisher.stop()
        return lost

    lost = asyncio.run(asyncio.wait_for(publish(), 20))
    assert set(lost) == {0, 1, 2, 3, 4}
    assert "too large" in lost[4]


def test_a_thread_is_told_what_went_wrong() -> None:
    async def publish() -> None:
        publisher = Publisher(settings(kafka_port=1, api_timeout_seconds=1))
        publisher.start()
        with pytest.raises(TypeError):
            await asyncio.to_thread(publisher.publish_from_thread, [OutgoingRecord("clicks", None, cast(bytes, 7))])
        await publisher.stop()

    asyncio.run(asyncio.wait_for(publish(), 20))


def test_nothing_is_written_while_the_disk_is_nearly_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reserve, "shortage", lambda _: "the disk is nearly full")

    async def publish() -> dict[int, str]:
        publisher = Publisher(settings(kafka_port=1, api_timeout_seconds=1))
        publisher.start()
        lost = await asyncio.to_thread(publisher.publish_from_thread, RECORDS)
        await publisher.stop()
        return lost

    assert asyncio.run(publish()) == dict.fromkeys(range(len(RECORDS)), "the disk is nearly full")


def test_what_librdkafka_tries_again_is_written_once_and_acknowledged_by_all() -> None:
    options = publisher_configuration(settings(api_timeout_seconds=7))
    assert options["enable.idempotence"] is True  # it stands for acks=all, and for retries in order
    assert options.keys().isdisjoint({"acks", "request.required.acks"})
    assert options["message.timeout.ms"] == 7_000
