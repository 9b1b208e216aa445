"""Sending rejected records to the topic they were meant for, each once whatever happens.

A replayed record and the marker that says so are written in one transaction of Kafka. Who replays a topic's records
takes the topic's transactional id first: that ends what an earlier process has left open and shuts out one that still
runs, so the markers that are read afterwards are all there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple, Self

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from eventmill.config.settings import Settings
from eventmill.contracts import events
from eventmill.contracts.events import Event, EventError
from eventmill.kafka import dead_letters, producer, topics
from eventmill.kafka.dead_letters import REPLAYED, REPLAYED_TO, History, Identity, RecordId, Rejected, RejectedError
from eventmill.kafka.topics import Topic

Headers = list[tuple[str, str | bytes | None]]
Progress = Callable[[int], object]

BATCH = 100
"""Records of a transaction at most."""

TRANSACTION_SECONDS = 15
"""A transaction whose process has died holds back the readers of its topics that long, or until the next replay."""

TIMEOUT = 30.0
FENCED = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}


class Outgoing(NamedTuple):
    """A rejected record, and the key and value that it's to be sent with."""

    record: Rejected
    key: bytes
    value: bytes

    def headers(self, topic: str) -> Headers:
        """Headers of a replayed record: its first source, and the id of the rejected record."""
        kept: Headers = [(name, value) for name, value in self.record.headers if name.startswith("source.")]
        place = self.record.place
        return [
            *kept,
            ("rejected.topic", topics.rejected(topic)),
            ("rejected.partition", str(place.partition)),
            ("rejected.offset", str(place.offset)),
        ]


def marker(rejected_at: RecordId, sent_to: RecordId) -> Headers:
    """The headers of the record that says that one was replayed."""
    pairs = [*zip(REPLAYED, rejected_at, strict=True), *zip(REPLAYED_TO, sent_to, strict=True)]
    return [(name, str(number)) for name, number in pairs]


def checked_record(topic: Topic, record: Rejected, value: bytes, *, edited: bool = False) -> Outgoing:
    """The record with that value as it would be sent; its key is the one it had, or if edited the event's.

    Raises:
        EventError: when the value breaks the contract.
    """
    assert topic.contract is not None
    event = events.decode_event(topic.contract, value, datetime.now(UTC))
    key = record.key if record.key is not None and not edited else _key(topic, event)
    return Outgoing(record, key, value)


def _key(topic: Topic, event: Event) -> bytes:
    """The field that keys the topic's records."""
    declared = msgspec.structs.fields(type(event))
    return str(next(getattr(event, one.name) for one in declared if one.encode_name == topic.key)).encode()


@dataclass(frozen=True)
class ReplaySelection:
    """Which records are to be replayed: those with these ids, or with that text in their reason, or all."""

    places: Sequence[RecordId] = ()
    reason: str = ""
    every: bool = False

    def identities(self, topic: str, history: History) -> set[Identity]:
        """The identities of the records that are named by id, which may be those of a copy."""
        return {history.find(topic, place) for place in self.places}

    def wants(self, record: Rejected, named: set[Identity]) -> bool:
        """True if the record is one of them."""
        if self.places:
            return record.identity in named
        return self.every or has_reason(record, self.reason)


def has_reason(record: Rejected, text: str) -> bool:
    """True if the text is in the record's reason, in capitals or not."""
    return text.casefold() in record.reason.casefold()


@dataclass
class ReplayResult:
    """Result of a replay: the number of records sent, and of the others the ids with the reasons."""

    sent: int = 0
    left: dict[RecordId, str] = field(default_factory=dict)


def select(
    topic: Topic, records: Iterable[Rejected], history: History, choice: ReplaySelection, result: ReplayResult
) -> Iterator[Outgoing]:
    """The chosen records that can be sent; `result` gets to know why others cannot."""
    named = choice.identities(topic.name, history)
    for record in dead_letters.distinct(records):
        if not choice.wants(record, named):
            continue
        if replay := history.replays.get(record.identity):
            if choice.places:
                result.left[record.place] = f"was replayed already: {replay.text(topic.name)}"
            continue
        try:
            yield checked_record(topic, record, record.value)
        except EventError as error:
            result.left[record.place] = f"breaks the contract: {error}"


def replay(
    settings: Settings, topic: Topic, choice: ReplaySelection, on_progress: Progress = lambda _: None
) -> ReplayResult:
    """Send the chosen records that keep the contract now; `on_progress` gets how many were sent.

    Raises:
        RejectedError: when a record is unknown that is named by its id, or another replay takes over.
    """
    result = ReplayResult()
    with Sender(settings, topic.name) as sender:
        history = dead_letters.history(settings, topic.name)
        for batch in _batches(
            select(topic, dead_letters.read_dead_letters(settings, topic.name), history, choice, result)
        ):
            sender.send(batch)
            result.sent += len(batch)
            on_progress(result.sent)
    return result


def replay_edited(settings: Settings, topic: Topic, outgoing: Outgoing) -> RecordId:
    """Send one record with another value; returns where it lies now.

    Raises:
        RejectedError: when it was replayed before.
    """
    with Sender(settings, topic.name) as sender:
        require_new(topic.name, dead_letters.history(settings, topic.name), outgoing.record.place)
        return sender.send([outgoing])[0]


def require_new(topic: str, history: History, place: RecordId) -> None:
    """Raise a RejectedError when the record with that id was replayed, or there is none."""
    if replayed := history.replays.get(history.find(topic, place)):
        raise RejectedError(f"rejected record {place} was replayed already: {replayed.text(topic)}")


def _batches(outgoing: Iterator[Outgoing]) -> Iterator[list[Outgoing]]:
    batch: list[Outgoing] = []
    for record in outgoing:
        batch.append(record)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


class Sender:
    """The only process that may replay records of a topic, from the beginning of the `with` block to its end."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._topic = topic
        self._producer = Producer(replay_configuration(settings, topic))

    def __enter__(self) -> Self:
        with _explained(self._topic):
            self._producer.init_transactions(TIMEOUT)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            with suppress(KafkaException):
                self._producer.abort_transaction(TIMEOUT)

    def send(self, batch: Sequence[Outgoing]) -> list[RecordId]:
        """Write the records and their markers, all or none; returns where the records lie."""
        with _explained(self._topic):
            self._producer.begin_transaction()
            places = self._write(batch)
            for outgoing, place in zip(batch, places, strict=True):
                at = outgoing.record.place
                headers = marker(at, place)
                self._producer.produce(topics.rejected(self._topic), None, partition=at.partition, headers=headers)
            self._producer.commit_transaction(TIMEOUT)
        return places

    def _write(self, batch: Sequence[Outgoing]) -> list[RecordId]:
        """Write the records and wait until Kafka has them."""
        written: dict[int, RecordId] = {}
        for number, outgoing in enumerate(batch):
            settle = partial(_settle, written, number)
            headers = outgoing.headers(self._topic)
            self._producer.produce(self._topic, outgoing.value, outgoing.key, on_delivery=settle, headers=headers)
        self._producer.flush(TIMEOUT)
        if len(written) < len(batch):
            # Says so when another process has taken over.
            self._producer.abort_transaction(TIMEOUT)
            raise RejectedError("Kafka did not take all records; none of the last ones was sent: try again")
        return [written[number] for number in range(len(batch))]


@contextmanager
def _explained(topic: str) -> Iterator[None]:
    """Say in a sentence that another replay has taken over."""
    try:
        yield
    except KafkaException as error:
        if not _is_fenced(error.args[0]):
            raise
        raise RejectedError(
            f"another command replays rejected records of {topic} and has taken over; "
            f"what was sent shows: eventmill rejected list {topic}"
        ) from error


def _is_fenced(error: KafkaError) -> bool:
    """True if another process has taken the transactional id, by the error itself or by one that follows from it."""
    return error.code() in FENCED or "fenced" in error.str().casefold()


def _settle(written: dict[int, RecordId], number: int, error: KafkaError | None, message: Message) -> None:
    if error is None:
        partition, offset = message.partition(), message.offset()
        assert partition is not None
        assert offset is not None
        written[number] = RecordId(partition, offset)


def replay_configuration(settings: Settings, topic: str) -> dict[str, object]:
    """The options of librdkafka; it logs nothing, for errors are raised."""
    return producer.producer_configuration(settings, "replay") | {
        "transactional.id": f"eventmill-replay-{topic}",
        "transaction.timeout.ms": TRANSACTION_SECONDS * 1000,
        "log_level": 0,
    }
