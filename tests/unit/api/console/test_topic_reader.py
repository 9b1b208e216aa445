"""Reading what has come, from librdkafka's own mock of a broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from threading import Lock

import pytest
from confluent_kafka import Producer

from api.console.cursor import TopicPosition
from api.console.event_view import LONGEST_HEADER, LONGEST_TEXT, Seen
from api.console.read_plan import EVENTS, FIRST
from api.console.topic_reader import Recent, reader_configuration
from api.http.problems import ProblemError
from tests.support import settings

PATIENCE = 30.0
"""Seconds for a reading, so that a busy machine cuts none short."""

Headers = list[tuple[str, str | bytes | None]]


class Kafka:
    """A broker in this process, and what reads from it."""

    def __init__(self) -> None:
        self._producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "none", "log_level": 0})
        [broker] = self._producer.list_topics(timeout=10).brokers.values()
        self.settings = settings(kafka_host=broker.host, kafka_port=broker.port)
        self.recent = Recent(self.settings, PATIENCE)
        self.positions: dict[TopicPosition, int] = {}

    def write(self, topic: str, *values: bytes | None, headers: Headers | None = None) -> None:
        """Write records without keys to the topic's first partition."""
        for value in values:
            self._producer.produce(topic, value, partition=0, headers=headers)
        assert self._producer.flush(10) == 0

    def read(self) -> list[Seen]:
        """What follows the last reading."""
        helping = self.recent.after(self.positions)
        self.positions = dict(helping.positions)
        return helping.events


@pytest.fixture
def kafka() -> Iterator[Kafka]:
    """An empty broker."""
    broker = Kafka()
    yield broker
    broker.recent.close()


def numbers(first: int, after: int) -> list[bytes]:
    return [json.dumps({"n": number}).encode() for number in range(first, after)]


def texts(events: list[Seen]) -> list[str]:
    return [event.text for event in events]


def test_topics_that_are_not_there_yet_hold_nothing(kafka: Kafka) -> None:
    assert kafka.read() == []


def test_the_last_events_come_first_and_then_those_that_follow(kafka: Kafka) -> None:
    kafka.write("clicks", *numbers(0, 80))
    assert texts(kafka.read()) == [value.decode() for value in numbers(80 - FIRST, 80)]
    assert kafka.read() == []
    kafka.write("clicks", *numbers(80, 83))
    kafka.write("events", b"{}")
    assert [(event.topic, event.offset) for event in kafka.read()] == [
        ("clicks", 80),
        ("clicks", 81),
        ("clicks", 82),
        ("events", 0),
    ]


def test_many_events_come_in_helpings(kafka: Kafka) -> None:
    kafka.write("clicks", b"{}")
    kafka.read()
    kafka.write("clicks", *numbers(0, EVENTS + 30))
    first = kafka.recent.after(kafka.positions)
    second = kafka.recent.after(first.positions)
    assert (len(first.events), first.behind) == (EVENTS, 30)
    assert (len(second.events), second.behind) == (30, 0)
    assert texts(first.events + second.events) == [value.decode() for value in numbers(0, EVENTS + 30)]


def test_a_rejected_event_has_its_reason_and_where_it_came_from(kafka: Kafka) -> None:
    kafka.write("clicks.rejected", b"\xff{", headers=[("reason", "invalid UTF-8 at byte 0"), ("source.index", "3")])
    [event] = kafka.read()
    assert (event.topic, event.text, event.bytes) == ("clicks", "\ufffd{", 2)
    assert (event.reason, event.kind) == ("invalid UTF-8 at byte 0", "invalid UTF-8")
    assert event.headers == {"source.index": "3"}


def test_a_marker_of_a_replay_is_no_event(kafka: Kafka) -> None:
    marker: Headers = [("replayed.partition", "0"), ("replayed.offset", "0")]
    kafka.write("clicks.rejected", b"{", headers=[("reason", "broken off")])
    kafka.write("clicks.rejected", None, headers=marker)
    kafka.write("clicks", b"{}", headers=marker)
    assert sorted(texts(kafka.read())) == ["{", "{}"]
    assert kafka.positions[TopicPosition("clicks.rejected", 0)] == 2


def test_what_is_long_is_cut(kafka: Kafka) -> None:
    kafka.write("clicks.rejected", b"x" * 500_000, headers=[("reason", "y" * 5_000), ("source.file", None)])
    [event] = kafka.read()
    assert (len(event.text), event.bytes, event.cut) == (LONGEST_TEXT, 500_000, True)
    assert event.reason == "y" * LONGEST_HEADER
    assert event.headers == {"source.file": ""}


def test_topics_that_are_not_declared_are_not_read(kafka: Kafka) -> None:
    kafka.write("private", b"{}")
    kafka.write("clicks", b"{}")
    kafka.positions = {TopicPosition("private", 0): 0}
    assert [event.topic for event in kafka.read()] == ["clicks"]
    assert not any(place.topic == "private" for place in kafka.positions)


def test_only_what_is_committed_is_read() -> None:
    assert reader_configuration(settings())["isolation.level"] == "read_committed"


def test_kafka_that_is_away_is_told() -> None:
    recent = Recent(settings(kafka_port=1))
    with pytest.raises(ProblemError) as told:
        recent.after({})
    assert (told.value.status, told.value.headers["Retry-After"]) == (503, "2")
    recent.close()


def test_nobody_waits_long_for_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, recent = Lock(), Recent(settings(), 0.1)
    monkeypatch.setattr(recent, "_turn", taken)
    with taken, pytest.raises(ProblemError, match="too many") as told:
        recent.after({})
    assert told.value.status == 503
