"""Kafka's producer for the API: a message counts as published when all replicas in sync have it (acks=all).

librdkafka, by confluent-kafka: kafka-python takes many times the CPU for a record.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import cached_property

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from eventmill.config.disk import Reserve
from eventmill.config.settings import Settings
from eventmill.kafka import producer

QUEUE_KILOBYTES = 65_536
BUSY_SECONDS = 0.001
IDLE_SECONDS = 0.5
PROBE_SECONDS = 1.0
log = logging.getLogger(__name__)


class OutgoingRecord(msgspec.Struct, frozen=True, gc=False):
    """A record to be written to Kafka; headers as pairs of name and value."""

    topic: str
    key: bytes | None
    value: bytes
    headers: list[tuple[str, str | bytes | None]] | None = None


Done = Callable[[dict[int, str]], None]
"""Takes the reasons of those records that were not acknowledged in time, by their index."""


class PublishResult:
    """The delivery results of one request's records; each of `done` is called when all of them are known."""

    def __init__(self, records: Sequence[OutgoingRecord], *done: Done) -> None:
        self._errors: dict[int, str] = {}
        self._done = done
        self._records = records
        self._left = len(records)

    def settle(self, error: KafkaError | None, message: Message) -> None:
        """Kafka has acknowledged a record, or it will never be written."""
        if error is not None:
            self._errors[self._places[message.topic(), message.value()].pop()] = error.str()
        self._one_less()

    def refuse(self, index: int, error: KafkaError) -> None:
        """A record could not even be queued."""
        self._errors[index] = error.str()
        self._places[self._records[index].topic, self._records[index].value].remove(index)
        self._one_less()

    @cached_property
    def _places(self) -> dict[tuple[object, object], list[int]]:
        """Index of each record in the request: a lost one is looked up by value, so that the others cost less."""
        places: dict[tuple[object, object], list[int]] = defaultdict(list)
        for index, record in enumerate(self._records):
            places[record.topic, record.value].append(index)
        return places

    def _one_less(self) -> None:
        self._left -= 1
        if not self._left:
            for done in self._done:
                done(self._errors)


class Publisher:
    """The producer of one process, served by its event loop between `start` and `stop`."""

    def __init__(self, settings: Settings) -> None:
        self._timeout = settings.api_timeout_seconds
        self._producer = Producer(publisher_configuration(settings) | {"error_cb": self._on_error})
        self._waiting = 0
        self._turn: asyncio.TimerHandle
        self._reserve = Reserve.of(settings)
        self._shortage: str | None = None
        self._away: str | None = None
        self._doubted = False

    def start(self) -> None:
        """Begin to serve deliveries; to be called in the loop."""
        self._shortage = self._reserve.shortage()
        self._loop = asyncio.get_running_loop()
        self._watching = self._loop.create_task(self._watch())
        self._serve()

    async def stop(self) -> None:
        """Write what is still queued, and end."""
        self._turn.cancel()
        self._watching.cancel()
        await asyncio.to_thread(self._producer.flush, self._timeout)

    @property
    def away(self) -> str | None:
        """Why nothing is written to Kafka now, or None: it is away, or its disk would soon be full."""
        return self._shortage or self._away

    def publish(self, records: Sequence[OutgoingRecord], done: Done) -> None:
        """Write the records; `done` is called in the loop's thread, in the end or at once."""
        if (away := self.away) or not records:
            done(dict.fromkeys(range(len(records)), away or ""))
            return
        self._waiting += 1
        if self._waiting == 1:
            self._turn.cancel()
            self._turn = self._loop.call_later(BUSY_SECONDS, self._serve)
        self._send(records, PublishResult(records, self._settled, done))

    def publish_from_thread(self, records: Sequence[OutgoingRecord]) -> dict[int, str]:
        """As `publish`, for code that runs in a thread beside the event loop; returns what `done` would be told."""
        told: Future[dict[int, str]] = Future()

        def publish() -> None:
            try:
                self.publish(records, told.set_result)
            except Exception as error:
                # It is the thread's, which would else wait for ever.
                told.set_exception(error)

        self._loop.call_soon_threadsafe(publish)
        return told.result()

    def _send(self, records: Sequence[OutgoingRecord], outcome: PublishResult) -> None:
        produce, settle = self._producer.produce, outcome.settle
        for index, record in enumerate(records):
            try:
                # By position, which takes librdkafka's wrapper half the time of names: any partition, one callback for
                # all, the time of now.
                produce(record.topic, record.value, record.key, -1, settle, None, 0, record.headers)
            except BufferError:
                outcome.refuse(index, KafkaError(KafkaError._QUEUE_FULL))
            except KafkaException as error:
                outcome.refuse(index, error.args[0])

    def _settled(self, _: dict[int, str]) -> None:
        self._waiting -= 1

    def _on_error(self, error: KafkaError) -> None:
        log.warning("Kafka: %s", error.str())
        self._doubted = True

    def _serve(self) -> None:
        """Have librdkafka call `settle` for what was delivered: often as long as somebody waits."""
        self._turn = self._loop.call_later(BUSY_SECONDS if self._waiting else IDLE_SECONDS, self._serve)
        self._producer.poll(0)

    async def _watch(self) -> None:
        """Find out whether Kafka is away, as soon as there is a doubt, and when it's back; and look at the disk."""
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            self._shortage = self._reserve.shortage()
            if self._doubted or self._away:
                self._doubted = False
                self._away = await asyncio.to_thread(self.probe)

    def probe(self) -> str | None:
        """Ask Kafka now; returns why it cannot be written to, or None."""
        try:
            self._producer.list_topics(timeout=PROBE_SECONDS)
        except KafkaException as error:
            return f"Kafka is away: {error.args[0].str()}"
        return None


def publisher_configuration(settings: Settings) -> dict[str, object]:
    """The options of librdkafka."""
    return producer.producer_configuration(settings, "api") | {
        "enable.idempotence": True,
        "message.timeout.ms": settings.api_timeout_seconds * 1000,
        "queue.buffering.max.kbytes": QUEUE_KILOBYTES,
        "linger.ms": 2,
        "topic.metadata.refresh.interval.ms": 60_000,
    }
