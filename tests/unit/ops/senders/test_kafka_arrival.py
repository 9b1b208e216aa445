"""Waiting for a file to arrive: its own rejected records count, others' do not, and silence ends it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from eventmill.config.settings import Settings
from eventmill.kafka import topic_reader
from eventmill.kafka.topic_reader import OffsetRange
from ops.senders import kafka_arrival
from tests.support import settings

MINE = SimpleNamespace(headers=[("source.file", b"mine"), ("source.line", b"1")], value=b"", timestamp=0)
OTHERS = SimpleNamespace(headers=[("source.file", b"others"), ("source.line", b"1")], value=b"", timestamp=0)
BY_SPARK = SimpleNamespace(headers=[("source.topic", b"clicks")], value=b"", timestamp=0)


def kafka(monkeypatch: pytest.MonkeyPatch, ends: list[int], rejected: list[list[Any]]) -> None:
    """Let Kafka have these ends of the topic, and these new rejected records, one after the other."""
    steps = iter(ends)

    @contextmanager
    def consumer(_: Settings) -> Iterator[None]:
        yield

    def follow(*_: object) -> Iterator[list[Any]]:
        yield from rejected
        while True:
            yield []

    monkeypatch.setattr(topic_reader, "consumer", consumer)
    monkeypatch.setattr(topic_reader, "ends", lambda _settings, _topic: {0: 100})
    monkeypatch.setattr(topic_reader, "follow", follow)
    monkeypatch.setattr(
        topic_reader, "offset_ranges", lambda _client, _topic: {0: OffsetRange(0, next(steps, ends[-1]))}
    )


def test_it_ends_when_all_has_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka(monkeypatch, [101, 103], [[OTHERS, BY_SPARK], [MINE]])
    seen: list[int] = []
    assert kafka_arrival.Arrival(settings(), "clicks").wait("mine", 4, 60, seen.append) == 1
    assert seen == [1, 4]


def test_kafka_may_be_away_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka(monkeypatch, [], [])
    answers = iter([{0: OffsetRange(0, 102)}, None, {0: OffsetRange(0, 104)}])

    def bounds(*_: object) -> dict[int, OffsetRange]:
        if (answer := next(answers)) is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return answer

    monkeypatch.setattr(topic_reader, "offset_ranges", bounds)
    seen: list[int] = []
    assert kafka_arrival.Arrival(settings(), "clicks").wait("mine", 4, 60, seen.append) == 0
    assert seen == [2, 2, 4]


def test_it_gives_up_when_nothing_more_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka(monkeypatch, [101], [])
    with pytest.raises(kafka_arrival.SendingError, match=r"Kafka has 1 of 4 records .*`eventmill logs nifi`"):
        kafka_arrival.Arrival(settings(), "clicks").wait("mine", 4, 0.01)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"a": 1}\n{"a": 2}\n', 2),
        (b'[{"a": 1},\n {"a": 2},\n {"a": 3}]', 3),
        (b'{"a": 1}\nbroken\n{"a": 2}', 3),
        (b"", 1),
        (b"GIF89a\0\0", 1),
    ],
    ids=["lines", "array", "broken line", "empty", "no JSON"],
)
def test_records_are_counted_as_nifi_divides_the_file(tmp_path: Path, content: bytes, expected: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert kafka_arrival.records_in(path) == expected
