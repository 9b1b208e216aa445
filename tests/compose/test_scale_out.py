"""Three brokers, of which one may be lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from eventmill.config.polling import until
from tests.compose.containers import Containers

BROKERS = ("kafka", "kafka-2", "kafka-3")
SEND = """
import sys
from kafka import KafkaProducer
from eventmill.config import settings
first, end = map(int, sys.argv[1:])
producer = KafkaProducer(bootstrap_servers=settings.load().kafka_bootstrap, acks="all", retries=10)
sent = [producer.send("clicks", str(number).encode()) for number in range(first, end)]
producer.flush(60)
print(sum(1 for future in sent if future.get(60)))
"""
READ = """
from eventmill.config import settings
from eventmill.kafka import topic_reader
with topic_reader.consumer(settings.load()) as client:
    limits = topic_reader.offset_ranges(client, "clicks")
    print(len({record.value for record in topic_reader.records_between(client, "clicks", limits)}))
"""
IN_SYNC = """
from kafka import KafkaAdminClient
from eventmill.config import settings
topics = KafkaAdminClient(bootstrap_servers=settings.load().kafka_bootstrap).describe_topics(["clicks"])
print(min(len(partition["isr_nodes"]) for partition in topics[0]["partitions"]))
"""


@pytest.fixture
def brokers() -> Iterator[Containers]:
    """Three brokers alone, every record on all of them."""
    cluster = Containers(
        "eventmill-brokers", 34000, "kafka-cluster", KAFKA_NODES=",".join(BROKERS), KAFKA_REPLICATION_FACTOR="3"
    )
    cluster.remove()
    cluster.build()
    cluster.up(*BROKERS)
    yield cluster
    cluster.remove()


@pytest.mark.long
def test_the_loss_of_one_of_three_brokers_stops_nothing_and_loses_nothing(brokers: Containers) -> None:
    brokers.eventmill("topics", "apply")
    assert brokers.python(SEND, "0", "5000") == "5000"
    assert brokers.python(IN_SYNC) == "3"
    brokers.compose("kill", "--signal", "KILL", "kafka-2")
    assert brokers.python(SEND, "5000", "10000") == "5000"
    wait_until_all_are_read(brokers)
    brokers.up(*BROKERS)
    brokers.compose("kill", "--signal", "KILL", "kafka")
    wait_until_all_are_read(brokers)


def wait_until_all_are_read(brokers: Containers) -> None:
    """Read all records; a reader that meets the broker as it dies starts over."""
    found: list[str] = []

    def read() -> bool:
        with suppress(AssertionError):
            found.append(brokers.python(READ))
        return bool(found)

    until(read, 120, "nobody can read the topic", every=1)
    assert found == ["10000"]
