"""The services as `engines/api/run` starts them, on a Kafka of librdkafka's own mock; MySQL is away."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from eventmill.config.polling import until
from eventmill.config.settings import Settings
from eventmill.kafka import topics
from ops.stack.engines import ENGINES, service_environment
from ops.stack.preflight import is_free
from tests.support import settings

FIRST_PORT = 33000


@dataclass
class Served:
    """A service that runs."""

    settings: Settings
    process: subprocess.Popen[bytes]
    port: int

    @property
    def address(self) -> str:
        """Its address by plain HTTP."""
        return f"http://127.0.0.1:{self.port}"

    def talk(self, *parts: bytes) -> bytes:
        """The answers to bytes on a connection of their own, until the server closes it."""
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            for part in parts:
                client.sendall(part)
            return heard(client)

    def status(self, request: bytes) -> int:
        """The status of the first answer to those bytes."""
        return int(self.talk(request).split(b" ", 2)[1])

    def records(self, topic: str, number: int) -> list[bytes]:
        """The values of the first records of a topic."""
        consumer = Consumer({"bootstrap.servers": self.settings.kafka_bootstrap, "group.id": "test"})
        consumer.assign([TopicPartition(topic, partition, 0) for partition in range(4)])
        found: list[bytes] = []

        def read() -> bool:
            messages = consumer.consume(100, 0.2)
            found.extend(bytes(message.value() or b"") for message in messages if not message.error())
            return len(found) >= number

        until(read, 20, f"no {number} records in {topic}")
        consumer.close()
        return found


def heard(client: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    client.settimeout(10)
    parts = []
    try:
        while part := client.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


@contextmanager
def kafka() -> Iterator[int]:
    """The port of a broker that lasts as long as the block."""
    mock = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    for name in topics.names(settings()):
        # To ask for a topic is to make it, in the mock.
        mock.list_topics(name, timeout=10)
    yield next(iter(mock.list_topics(timeout=10).brokers.values())).port


def free_port() -> int:
    """A port that nobody has."""
    return next(port for port in range(FIRST_PORT, FIRST_PORT + 1000) if is_free(port))


@contextmanager
def served(service: str, state: Path, kafka_port: int, **values: Any) -> Iterator[Served]:
    """A service that lasts as long as the block."""
    port = free_port()
    own = settings(
        **{"kafka_port": kafka_port, "state_dir": state, "api_port": port, "game_port": port, "mysql_port": 1, **values}
    )
    environment = service_environment(own)
    with subprocess.Popen([ENGINES / "api" / "run", service], env=environment) as process:
        try:
            ready = [str(ENGINES / "api" / "ready"), service]
            until(lambda: not subprocess.run(ready, env=environment, capture_output=True).returncode, 30, "not ready")
            yield Served(own, process, port)
        finally:
            process.terminate()
            process.wait(20)
