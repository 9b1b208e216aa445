"""Reads Kafka's topics after a cursor, a bounded batch a request; nothing is kept between two of them.

librdkafka (confluent-kafka) reads without the help of a consumer group: the offsets are the cursor's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from http import HTTPStatus
from threading import Lock
from time import monotonic
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from api.console.cursor import Positions, TopicPosition
from api.console.event_view import Seen, seen
from api.console.read_plan import EVENTS, ReadSpan, plan, starts
from api.http.problems import ProblemError
from eventmill.config.settings import Settings
from eventmill.kafka import consumer, topics

SECONDS = 0.5
CONNECT_SECONDS = 1.0
BEGINNING, END = -2, -1
"""The times that stand for a partition's first offset and for its end."""


class Helping(NamedTuple):
    """Some events in the order of their times, where to read on, and how many records are waiting there."""

    events: list[Seen]
    positions: Positions
    behind: int


Left = Callable[[], float]
"""The seconds that are left for reading."""


class Recent:
    """Reads the declared topics, for so many seconds at a time; a process's threads take turns at one consumer."""

    def __init__(self, settings: Settings, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._names = frozenset(topics.names(settings))
        self._configuration = reader_configuration(settings)
        self._consumer: Consumer | None = None
        self._turn = Lock()

    def after(self, positions: Positions) -> Helping:
        """The events from these positions on, as many as are read in time.

        Raises:
            ProblemError: 503 when Kafka is away or too many want to read at a time.
        """
        if not self._turn.acquire(timeout=self._seconds):
            raise _unavailable("too many want to read the topics at a time")
        try:
            return self._after(positions, self._connected())
        except KafkaException as error:
            raise _unavailable(f"Kafka is away: {error.args[0].str()}") from error
        finally:
            self._turn.release()

    def close(self) -> None:
        """Let go of Kafka."""
        with self._turn:
            if self._consumer is not None:
                self._consumer.close()
                self._consumer = None

    def _connected(self) -> Consumer:
        """The consumer; a new one has a moment more to find Kafka."""
        if self._consumer is None:
            self._consumer = Consumer(self._configuration)
            self._consumer.list_topics(timeout=CONNECT_SECONDS + self._seconds)
        return self._consumer

    def _after(self, positions: Positions, reader: Consumer) -> Helping:
        left = _timer(self._seconds)
        held = _held(reader, _places(reader, self._names, left), left)
        begin = starts(positions, held)
        events, reached = _read(reader, plan(begin, held), left)
        now = begin | reached
        behind = sum(span.stop - now[place] for place, span in held.items())
        # A partition that has no leader at the moment keeps its position.
        kept = {place: offset for place, offset in positions.items() if place.topic in self._names}
        return Helping(events, kept | now, behind)


def _unavailable(why: str) -> ProblemError:
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, why, {"Retry-After": "2"})


def _timer(seconds: float) -> Left:
    end = monotonic() + seconds
    return lambda: max(end - monotonic(), 0)


def _places(reader: Consumer, names: Collection[str], left: Left) -> list[TopicPosition]:
    """The partitions that are there now and have a leader."""
    known = reader.list_topics(timeout=left()).topics
    return [
        TopicPosition(name, number)
        for name in names
        if name in known
        for number, partition in known[name].partitions.items()
        if partition.leader >= 0
    ]


def _held(reader: Consumer, places: list[TopicPosition], left: Left) -> dict[TopicPosition, ReadSpan]:
    """Offset range of each partition, up to transactions that are still open."""
    if not places:
        return {}
    first, end = (_offsets(reader, places, moment, left) for moment in (BEGINNING, END))
    return {place: ReadSpan(first[place], end[place]) for place in first.keys() & end.keys()}


def _offsets(reader: Consumer, places: list[TopicPosition], moment: int, left: Left) -> dict[TopicPosition, int]:
    asked = [TopicPartition(place.topic, place.partition, moment) for place in places]
    answers = reader.offsets_for_times(asked, timeout=left())
    return {TopicPosition(a.topic, a.partition): a.offset for a in answers if a.error is None and a.offset >= 0}


def _read(
    reader: Consumer, spans: Mapping[TopicPosition, ReadSpan], left: Left
) -> tuple[list[Seen], dict[TopicPosition, int]]:
    """The events in these spans that came in time, and how far each partition was read."""
    reached = {place: span.start for place, span in spans.items()}
    if not spans:
        return [], reached
    found: list[Seen] = []
    reader.assign([TopicPartition(place.topic, place.partition, offset) for place, offset in reached.items()])
    try:
        for place, offset, message in _polled(reader, left):
            reached[place] = min(offset, spans[place].stop)
            if message is not None and offset <= spans[place].stop and (event := seen(message)):
                found.append(event)
            if all(reached[place] == span.stop for place, span in spans.items()):
                break
    finally:
        reader.unassign()
    return sorted(found, key=lambda event: (event.time, event.topic, event.partition, event.offset)), reached


def _polled(reader: Consumer, left: Left) -> Iterator[tuple[TopicPosition, int, Message | None]]:
    """Polls messages with their partition and next offset; None at a partition's end."""
    while (message := reader.poll(left())) is not None:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        error = message.error()
        if topic is None or partition is None or offset is None:
            continue
        if error is None:
            yield TopicPosition(topic, partition), offset + 1, message
        elif error.code() == KafkaError._PARTITION_EOF:
            yield TopicPosition(topic, partition), offset, None


def reader_configuration(settings: Settings) -> dict[str, object]:
    """The options of librdkafka: it reads little ahead."""
    return consumer.consumer_configuration(settings.kafka_bootstrap, "console") | {
        "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": 20,
        "fetch.message.max.bytes": 262_144,
        "fetch.max.bytes": 4_194_304,
        "queued.min.messages": EVENTS,
        "queued.max.messages.kbytes": 4_096,
    }
