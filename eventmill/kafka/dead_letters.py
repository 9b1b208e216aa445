"""The records that were rejected, why, and which were replayed; each counts once however often it was written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from eventmill.config.errors import EventmillError
from eventmill.config.settings import Settings
from eventmill.kafka import topic_reader, topics
from eventmill.kafka.topics import Topic

SPARK, NIFI, API = "spark", "nifi", "api"
LONGEST = 900_000
"""Bytes of a piece that NiFi and the API keep of what is no record of Kafka; a longer one is cut."""

IDENTITIES = {
    SPARK: ("source.topic", "source.partition", "source.offset"),
    API: ("source.request", "source.index"),
    NIFI: ("source.file", "source.line"),
}
"""The headers that tell a rejected record's origin and identify it."""

PLACE = re.compile(r" at byte [0-9]+$")

REPLAYED = ("replayed.partition", "replayed.offset")
"""The headers of a marker: the place of the rejected record that was replayed."""

REPLAYED_TO = ("replayed.to.partition", "replayed.to.offset")
"""More of them: the place of the record that it became in the topic it was meant for."""

REFUSED_BY = "refused.by"
"""The header of what keeps its contract but was refused by a sink: the query whose sink it was, such as `visits`."""

Identity = tuple[str, ...]


class RejectedError(EventmillError):
    """There is no such rejected record, or it cannot be sent; the message says why."""


class RecordId(NamedTuple):
    """A record's partition and offset; of a rejected one, `0-17` is the id that the command line takes."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}-{self.offset}"

    @classmethod
    def parse(cls, text: str) -> RecordId:
        """The place with that id."""
        if not re.fullmatch(r"[0-9]+-[0-9]+", text):
            raise RejectedError(f"{text!r} is no id of a rejected record: it is partition-offset, such as 0-17")
        return cls(*map(int, text.split("-")))


FIRST = RecordId(0, 0)


@dataclass(frozen=True)
class Rejected:
    """One rejected record as it was written.

    `identity` is topic, partition and offset of what Spark rejected, file and line of what NiFi rejected, request and
    place in it of what the API rejected; `received` is when it came in; `place`, `key` and `headers` are the record's.
    `refused_by` names the query whose sink refused it, if one did.
    """

    origin: str
    identity: Identity
    reason: str
    received: datetime
    value: bytes
    place: RecordId = FIRST
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    refused_by: str = ""


class Replay(NamedTuple):
    """When a rejected record was replayed, and the record that it became."""

    time: datetime
    place: RecordId

    def text(self, topic: str) -> str:
        """As a sentence says it."""
        return f"at {self.time:%Y-%m-%d %H:%M:%S} UTC, as {self.place.partition}@{self.place.offset} of {topic}"


@dataclass
class History:
    """The replays of a topic's rejected records; `identities` has all of them by their ids."""

    identities: dict[RecordId, Identity] = field(default_factory=dict)
    replays: dict[Identity, Replay] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Iterable[Any]) -> History:
        """The history that the records of Kafka tell; a marker comes after what it marks."""
        history = cls()
        for record in records:
            if not is_marker(record):
                history.identities[RecordId(record.partition, record.offset)] = parse_rejected(record).identity
            elif (marked := _place(record, REPLAYED)) in history.identities:
                replay = Replay(datetime.fromtimestamp(record.timestamp / 1000, UTC), _place(record, REPLAYED_TO))
                history.replays.setdefault(history.identities[marked], replay)
        return history

    def find(self, topic: str, place: RecordId) -> Identity:
        """The identity of the rejected record with that id."""
        if place in self.identities:
            return self.identities[place]
        raise unknown_record(topic, place)

    def waiting(self) -> int:
        """Number of distinct records that were not replayed."""
        return len(set(self.identities.values())) - len(self.replays)


@dataclass
class DeadLetterSummary:
    """Distinct rejected records by origin, and by reason without the place at which it was found."""

    origins: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, record: Rejected) -> None:
        """Count one more."""
        self.origins[record.origin] += 1
        self.reasons[general(record.reason)] += 1


def parse_rejected(record: Any) -> Rejected:
    """The rejected record that a record of Kafka holds."""
    headers = {name: value.decode(errors="replace") for name, value in record.headers if value is not None}
    origin = next((origin for origin, names in IDENTITIES.items() if names[0] in headers), NIFI)
    return Rejected(
        origin=origin,
        identity=tuple(headers.get(name, "?") for name in IDENTITIES[origin]),
        reason=headers.get("reason", "no reason given"),
        received=datetime.fromtimestamp(int(headers.get("source.time", record.timestamp)) / 1000, UTC),
        value=record.value or b"",
        place=RecordId(record.partition, record.offset),
        key=record.key,
        headers=tuple(record.headers),
        refused_by=headers.get(REFUSED_BY, ""),
    )


def unknown_record(topic: str, place: RecordId) -> RejectedError:
    """The error that there is no rejected record with that id."""
    return RejectedError(f"{topic} has no rejected record {place}; those it has: eventmill rejected list {topic}")


def is_marker(record: Any) -> bool:
    """True if a record of the dead letter topic is a marker that says that one was replayed."""
    return record.value is None and any(name == REPLAYED[0] for name, _ in record.headers)


def _place(record: Any, names: tuple[str, str]) -> RecordId:
    headers = dict(record.headers)
    return RecordId(*(int(headers[name]) for name in names))


def general(reason: str) -> str:
    """The reason without the place at which it was found."""
    return PLACE.sub("", reason)


def source(settings: Settings, name: str) -> Topic:
    """The declared topic of that name, whose rejected records there may be.

    Raises:
        RejectedError: when there is none.
    """
    declared = {topic.name: topic for topic in topics.declared(settings)}
    having = [topic for topic in declared if topics.rejected(topic) in declared]
    if name in having:
        return declared[name]
    raise RejectedError(f"no topic {name!r} has rejected records; there are {', '.join(having)}")


def read_dead_letters(settings: Settings, topic: str) -> Iterator[Rejected]:
    """All that was rejected of a topic until now, as often as it was written."""
    return (parse_rejected(record) for record in _records(settings, topic) if not is_marker(record))


def history(settings: Settings, topic: str) -> History:
    """The replays of a topic's rejected records until now."""
    return History.of(_records(settings, topic))


def _records(settings: Settings, topic: str) -> Iterator[Any]:
    """The committed records of the rejected topic until now, markers too."""
    name = topics.rejected(topic)
    with topic_reader.consumer(settings) as client:
        yield from topic_reader.records_between(client, name, topic_reader.offset_ranges(client, name))


def one(settings: Settings, topic: str, place: RecordId) -> Rejected:
    """The rejected record with that id.

    Raises:
        RejectedError: when there is none.
    """
    name = topics.rejected(topic)
    with topic_reader.consumer(settings) as client:
        held = topic_reader.offset_ranges(client, name).get(place.partition, topic_reader.OffsetRange(0, 0))
        if held.first <= place.offset < held.end:
            limits = {place.partition: topic_reader.OffsetRange(place.offset, place.offset + 1)}
            for record in topic_reader.records_between(client, name, limits):
                if not is_marker(record):
                    return parse_rejected(record)
    raise unknown_record(topic, place)


def distinct(records: Iterable[Rejected]) -> Iterator[Rejected]:
    """Each record once: a batch that was replayed has written its rejected records again."""
    seen = set()
    for record in records:
        if record.identity not in seen:
            seen.add(record.identity)
            yield record


def summarise(records: Iterable[Rejected]) -> DeadLetterSummary:
    """The distinct records counted by origin and by reason."""
    result = DeadLetterSummary()
    for record in distinct(records):
        result.add(record)
    return result
