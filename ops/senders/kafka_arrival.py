"""Waiting until Kafka has what was put into NiFi's inbox."""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from eventmill.config.errors import EventmillError
from eventmill.config.settings import Settings
from eventmill.kafka import topic_reader, topics
from nifi.records import pieces

Progress = Callable[[int], object]
Ends = dict[int, int]


class SendingError(EventmillError):
    """Kafka did not get all of a file; the message says how much it got and where to look."""


def records_in(path: Path) -> int:
    """Number of pieces that NiFi makes of a file: records, and those it rejects."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            return 1
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return sum(1 for _ in pieces(data))


class Arrival:
    """Watches Kafka from the moment it is made, which must be before the file is sent."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._before = topic_reader.ends(settings, topic)
        self._rejected_before = topic_reader.ends(settings, topics.rejected(topic))
        self._new = 0

    def wait(self, name: str, expected: int, patience: float, on_progress: Progress = lambda _: None) -> int:
        """Wait until that many records of the inbox file have arrived; returns how many NiFi rejected.

        `on_progress` gets the number of records that are there.

        Raises:
            SendingError: when no further record comes within `patience` seconds.
        """
        bad, most, deadline = 0, 0, time.monotonic() + patience
        with topic_reader.consumer(self._settings) as client:
            for records in topic_reader.follow(client, topics.rejected(self._topic), self._rejected_before):
                bad += sum(_came_from(record, name) for record in records)
                arrived = bad + self._grown(client)
                on_progress(arrived)
                if arrived >= expected:
                    return bad
                if arrived > most:
                    most, deadline = arrived, time.monotonic() + patience
                if time.monotonic() > deadline:
                    break
        raise SendingError(
            f"Kafka has {most} of {expected} records and none has come for {patience:.0f} s: "
            "see `eventmill logs nifi`; what is in NiFi is not lost and goes on by itself"
        )

    def _grown(self, client: Any) -> int:
        """Number of records that the topic has got; while Kafka is away, as many as it had."""
        from confluent_kafka import KafkaException

        with suppress(KafkaException):
            now = topic_reader.offset_ranges(client, self._topic)
            self._new = sum(held.end - self._before.get(partition, 0) for partition, held in now.items())
        return self._new


def _came_from(record: Any, name: str) -> bool:
    return ("source.file", name.encode()) in record.headers
