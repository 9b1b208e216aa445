"""Kafka's producer for the API: a message counts as published when all replicas in sync have it (acks=all).

librdkafka, by confluent-kafka: kafka-python takes many times the CPU for a record.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from eventmill.settings import Settings

QUEUE_KILOBYTES = 65_536
BUSY_SECONDS = 0.001
IDLE_SECONDS = 0.5
PROBE_SECONDS = 1.0
log = logging.getLogger(__name__)


class Record(NamedTuple):
    """What is to be written to Kafka; headers as pairs of name and value."""

    topic: str
    key: bytes | None
    value: bytes
    headers: list[tuple[str, str | bytes | None]] | None = None


class Outcome:
    """What has become of the records of one request."""

    def __init__(self, number: int, done: asyncio.Future[None]) -> None:
        self.errors: dict[int, str] = {}
        self._left = number
        self.done = done

    def settle(self, index: int, error: KafkaError | None, _: Message | None = None) -> None:
        """Kafka has acknowledged a record, or it will never be written."""
        if error is not None:
            self.errors[index] = error.str()
        self._left -= 1
        if not self._left and not self.done.done():
            self.done.set_result(None)


class Publisher:
    """The producer of one process, served by its event loop between `start` and `stop`."""

    def __init__(self, settings: Settings) -> None:
        self._timeout = settings.api_timeout_seconds
        self._producer = Producer(configuration(settings) | {"error_cb": self._on_error})
        self._waiting = 0
        self._work = asyncio.Event()
        self._away: str | None = None
        self._doubted = False
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Begin to serve deliveries."""
        self._loop = asyncio.get_running_loop()
        self._tasks = [asyncio.create_task(self._serve()), asyncio.create_task(self._watch())]

    async def stop(self) -> None:
        """Write what is still queued, and end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._producer.flush, self._timeout)

    @property
    def away(self) -> str | None:
        """Why Kafka cannot be written to now, or None."""
        return self._away

    async def publish(self, records: Sequence[Record]) -> dict[int, str]:
        """Write the records; returns the reasons of those that were not acknowledged in time, by their index."""
        if self._away:
            return dict.fromkeys(range(len(records)), self._away)
        outcome = Outcome(len(records), asyncio.get_running_loop().create_future())
        self._waiting += 1
        self._work.set()
        try:
            self._send(records, outcome)
            await outcome.done
        finally:
            self._waiting -= 1
        return outcome.errors

    def publish_from_thread(self, records: Sequence[Record]) -> dict[int, str]:
        """As `publish`, for code that runs in a thread beside the event loop."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(self.publish(records), self._loop).result()

    def _send(self, records: Sequence[Record], outcome: Outcome) -> None:
        produce, settle = self._producer.produce, outcome.settle
        for index, (topic, key, value, headers) in enumerate(records):
            try:
                produce(topic, value, key, on_delivery=partial(settle, index), headers=headers)
            except BufferError:
                settle(index, KafkaError(KafkaError._QUEUE_FULL))
            except KafkaException as error:
                settle(index, error.args[0])

    def _on_error(self, error: KafkaError) -> None:
        log.warning("Kafka: %s", error.str())
        self._doubted = True

    async def _serve(self) -> None:
        """Have librdkafka call `settle` for what was delivered: often as long as somebody waits."""
        while True:
            self._producer.poll(0)
            if self._waiting:
                await asyncio.sleep(BUSY_SECONDS)
                continue
            self._work.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._work.wait(), IDLE_SECONDS)

    async def _watch(self) -> None:
        """Find out whether Kafka is away, as soon as there is a doubt, and when it's back."""
        while True:
            await asyncio.sleep(PROBE_SECONDS)
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


def configuration(settings: Settings) -> dict[str, object]:
    """The options of librdkafka."""
    return {
        "bootstrap.servers": settings.kafka_bootstrap,
        "client.id": "eventmill-api",
        "enable.idempotence": True,
        "message.timeout.ms": settings.api_timeout_seconds * 1000,
        # Java's: a key is in the same partition, whoever writes it.
        "partitioner": "murmur2_random",
        "queue.buffering.max.kbytes": QUEUE_KILOBYTES,
        "message.max.bytes": 1_048_588,
        "linger.ms": 2,
        "allow.auto.create.topics": False,
        "topic.metadata.refresh.interval.ms": 60_000,
    }
