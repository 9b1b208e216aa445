"""The forwarder: what the source cluster has is in ours exactly once, whoever is killed meanwhile."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Producer

from eventmill.config.polling import until
from eventmill.config.settings import load
from eventmill.kafka import forwarder, topic_reader
from eventmill.kafka.topic_reader import OffsetRange
from ops.stack.engines import service, service_environment
from ops.stack.isolated_stack import IsolatedStack
from ops.stack.native_stack import why_not_ready
from tests.e2e.pipeline import Pipeline
from tests.e2e.source_cluster import MECHANISM, PASSWORD, USER, source_cluster

SLICE = 6000
PATIENCE = 300
HOURS_AGO = int((datetime.now(UTC) - timedelta(hours=12)).timestamp() * 1000)
"""The time of a producer's clock that is off, in milliseconds; 0 is now.

Not by more than a day: a broker that starts again forgets a producer whose newest record is older, and no longer knows
what that one repeats. (The time of our own topics is the broker's.)
"""

VICTIMS = ("forwarder", "kafka", "source-kafka")


class Record(NamedTuple):
    """All that a copy must keep of a record."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


class Visits(Pipeline):
    """The source's topic and its copy, from where both are equally far."""

    def __init__(self, stack: IsolatedStack) -> None:
        super().__init__(stack, "visits")
        self.acknowledged = 0
        self._begin = datetime.now(UTC).timestamp() * 1000 - 1000
        self.settle()
        self._source, self._ours = self._ends(source=True), self._ends(source=False)

    def _ends(self, *, source: bool) -> dict[int, int]:
        settings = self.stack.settings
        login = forwarder.source_login(settings) if source else {}
        with topic_reader.consumer(settings, **login) as client:
            topic = settings.forward_topic if source else settings.visits_topic
            return {partition: held.end for partition, held in topic_reader.offset_ranges(client, topic).items()}

    def copies(self) -> bool:
        """Whether the forwarder says that its task runs."""
        environment = os.environ | service_environment(self.stack.settings)
        return why_not_ready(service("forwarder"), environment) is None

    def settle(self) -> None:
        """Wait until the forwarder has copied all."""
        self.stack.eventmill("up", "forwarder", seconds=900)
        until(lambda: self.lag() == 0, PATIENCE, f"{self.lag()} records are not copied", every=1)

    def lag(self) -> int:
        """How many records `forward status` says are left."""
        shown = json.loads(self.stack.eventmill("forward", "status", "--format", "json").stdout)
        return sum(part["lag"] for part in shown)

    def send(self, records: Iterator[dict[str, Any]], **options: str) -> None:
        """Put records into the source's topic, each once and in their order, whatever happens to its broker."""
        producer = Producer(
            forwarder.source_configuration(self.stack.settings)
            | {"enable.idempotence": "true", "delivery.timeout.ms": "600000"}
            | options
        )
        for record in records:
            producer.produce(self.stack.settings.forward_topic, **record, on_delivery=self._acknowledge)
            producer.poll(0.001)
        assert producer.flush(PATIENCE) == 0

    def _acknowledge(self, error: object, _: object) -> None:
        assert error is None, error
        self.acknowledged += 1

    def held_by(self, *, source: bool) -> dict[int, list[Record]]:
        """What came since to each partition, in order, as who reads only what is committed sees it."""
        settings, begin = self.stack.settings, self._source if source else self._ours
        topic = settings.forward_topic if source else settings.visits_topic
        login = forwarder.source_login(settings) if source else {}
        found: dict[int, list[Record]] = {partition: [] for partition in begin}
        with topic_reader.consumer(settings, **login) as client:
            limits = {
                number: OffsetRange(begin[number], held.end)
                for number, held in topic_reader.offset_ranges(client, topic).items()
            }
            for record in topic_reader.records_between(client, topic, limits):
                found[record.partition].append(Record(record.key, record.value, tuple(record.headers)))
                assert source or record.timestamp >= self._begin, "the copy has the source's time, not ours"
        return found


def seeded(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """Records with and without key, value and headers."""
    chance = random.Random(seed)
    for number in range(count):
        device = chance.randrange(200)
        headers = [("n", str(number)), ("n", chance.randbytes(3)), ("empty", None)][: chance.randrange(4)]
        yield {
            "key": f"device-{device}" if device else None,
            "value": chance.randbytes(chance.randrange(400)) or None,
            "headers": [("seed", f"{seed}"), *headers],
            "timestamp": chance.choice([0, HOURS_AGO]),
        }


@pytest.fixture
def visits(stack: IsolatedStack) -> Visits:
    """The forwarder of the stack."""
    return Visits(stack)


def test_killed_parts_lose_and_double_nothing(visits: Visits) -> None:
    for seed, victim in enumerate(VICTIMS):
        until(visits.copies, PATIENCE, "the forwarder does not copy")
        before = visits.acknowledged
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(visits.send, seeded(seed, SLICE))
            wanted = before + SLICE // 4
            until(lambda: visits.acknowledged >= wanted or sending.done(), PATIENCE, "nothing is sent")  # noqa: B023
            visits.kill(victim)
            sending.result()
    visits.settle()

    source, ours = visits.held_by(source=True), visits.held_by(source=False)
    assert sum(map(len, source.values())) == visits.acknowledged == len(VICTIMS) * SLICE
    assert {partition: len(records) for partition, records in ours.items()} == {
        partition: len(records) for partition, records in source.items()
    }
    assert ours == source


def test_only_what_is_committed_is_copied(visits: Visits) -> None:
    settings = visits.stack.settings
    producer = Producer(forwarder.source_configuration(settings) | {"transactional.id": "test-forward"})
    producer.init_transactions(60)
    for value, end in ((b"aborted", producer.abort_transaction), (b"committed", producer.commit_transaction)):
        producer.begin_transaction()
        for number in range(20):
            producer.produce(settings.forward_topic, key=f"device-{number}", value=value)
        producer.flush(60)
        end(60)
    visits.settle()
    values = [record.value for records in visits.held_by(source=False).values() for record in records]
    assert values == [b"committed"] * 20


@pytest.mark.long
def test_a_cluster_of_several_brokers_is_copied_from_by_scram(tmp_path: Path) -> None:
    topic = "logs.of-others"
    login = {"forward_mechanism": MECHANISM, "forward_user": USER, "forward_password": PASSWORD}
    with source_cluster(load(), tmp_path, topic) as bootstrap:
        own = IsolatedStack("scram", 36500, forward_bootstrap=bootstrap, forward_topic=topic, **login)
        own.remove()
        try:
            visits = Visits(own)
            visits.send(seeded(9, SLICE))
            visits.settle()
            source, ours = visits.held_by(source=True), visits.held_by(source=False)
            assert sum(map(len, source.values())) == SLICE
            assert ours == source
        finally:
            own.remove()
