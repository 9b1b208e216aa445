"""Delivers the messages of one FlowFile to Kafka, each once, however often it has to be tried."""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.partitioner import DefaultPartitioner

from nifi.messages import Message

if TYPE_CHECKING:
    from kafka import KafkaProducer
    from kafka.producer.future import FutureRecordMetadata

KEYS_REMEMBERED = 100_000


class Partitioner(DefaultPartitioner):  # type: ignore[misc]
    """Kafka's own choice of the partition by the key, computed once a key: hashing in Python is slow."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes, int], int] = {}

    def partition(
        self, topic: str, key: Any, serialized_key: bytes | None, value: Any, serialized_value: bytes, cluster: Any
    ) -> int:
        """The partition of a key; any partition when there is no key."""
        arguments = (topic, key, serialized_key, value, serialized_value, cluster)
        if serialized_key is None:
            return int(super().partition(*arguments))
        known = (topic, serialized_key, len(cluster.partitions_for_topic(topic)))
        if known not in self._known:
            if len(self._known) >= KEYS_REMEMBERED:
                self._known.clear()
            self._known[known] = super().partition(*arguments)
        return self._known[known]


class Delivery:
    """State of one FlowFile's messages: acknowledged, on their way, and still to be sent.

    A message on its way stays with the idempotent producer, which repeats it until Kafka has it once: sending it again
    is what would double it. So a delivery that did not finish is continued, never started again.
    """

    def __init__(self, topic: str, messages: list[Message]) -> None:
        self._topic = topic
        self._waiting = deque(messages)
        self._flying: deque[tuple[Message, FutureRecordMetadata]] = deque()

    @property
    def done(self) -> bool:
        """True if Kafka has acknowledged every message."""
        return not self._waiting and not self._flying

    def attempt(self, producer: KafkaProducer, seconds: float) -> None:
        """Send what waits and wait for acknowledgements that long.

        Raises:
            KafkaError: when not everything was acknowledged; what Kafka refused is sent by the next attempt.
        """
        deadline = time.monotonic() + seconds
        while self._waiting:
            message = self._waiting[0]
            future = producer.send(self._topic, message.value, message.key, message.headers)
            self._flying.append((self._waiting.popleft(), future))
        with suppress(KafkaTimeoutError):  # what did not arrive is seen below
            producer.flush(seconds)
        refused: list[Message] = []
        error: KafkaError | None = None
        while self._flying:
            message, future = self._flying[0]
            try:
                future.get(max(0.0, deadline - time.monotonic()))
            except KafkaError as refusal:
                error = refusal
                if not future.is_done:
                    break
                refused.append(message)
            self._flying.popleft()
        self._waiting.extendleft(reversed(refused))
        if error:
            raise error
