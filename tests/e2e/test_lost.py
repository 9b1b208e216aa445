"""Records that Kafka removed before the job read them: told, left behind when somebody says so, and accounted for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime

import msgspec
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from eventmill.config.polling import until
from eventmill.config.settings import ROOT
from eventmill.databases import postgres
from eventmill.kafka import producer, topics
from eventmill.lake import partition_locations, webhdfs
from eventmill.spark import job_state
from ops.stack.engines import service_environment
from ops.stack.isolated_stack import IsolatedStack
from ops.stack.supervisor import ALL_JOBS, log_file
from tests.e2e.pipeline import Pipeline
from tests.e2e.test_poison import base

TOPIC = "own-page-logs-that-are-lost"
DATABASE = "lost"
READ, UNREAD, AFTERWARDS = 10, 20, 5
"""Number of page logs that come to each partition: before the job ends, while it doesn't run, and once it goes on."""

ENDS = {0: 20, 2: 30}
"""Up to where Kafka removes what these partitions hold: half of what is unread, and all of it."""

REMOVED = f"Kafka has removed the records 10 to 19 of {TOPIC}-0, 10 to 29 of {TOPIC}-2 by age or size"
WAY_OUT = "go on without them: eventmill jobs skip-lost visits"
LOST = 30

Sent = Mapping[int, list[str]]
"""Identities of page logs by partition, in their order."""


class OwnVisits(Pipeline):
    """Visits with a topic and a database that nobody else reads, on the engines of a stack whose jobs don't run."""

    def __init__(self, stack: IsolatedStack) -> None:
        own = copy(stack)
        changes = {"visits_topic": TOPIC, "postgres_database": DATABASE, "visits_trigger_seconds": 1}
        own.settings = stack.settings.model_copy(update=changes)
        own.environment = stack.environment | service_environment(own.settings)
        super().__init__(own, "visits")
        topics.apply_topics(own.settings)
        postgres.apply_tables(own.settings)

    def send(self, number: int) -> Sent:
        """Write so many page logs to each partition."""
        sink = Producer(producer.producer_configuration(self.stack.settings, "lost"))
        sent: dict[int, list[str]] = {partition: [] for partition in range(self.stack.settings.visits_partitions)}
        for partition, identities in sent.items():
            for _ in range(number):
                log = base("visits", datetime.now(UTC))
                sink.produce(TOPIC, msgspec.json.encode(log), partition=partition)
                identities.append(log["id"])
        assert sink.flush(60) == 0
        return sent

    def remove(self, ends: Mapping[int, int]) -> None:
        """Have Kafka remove what lies before these offsets, as it does with what is too old or too much."""
        client = AdminClient({"bootstrap.servers": self.stack.settings.kafka_bootstrap})
        asked = [TopicPartition(TOPIC, partition, end) for partition, end in ends.items()]
        for done in client.delete_records(asked).values():
            done.result(60)

    def run_bounded(self) -> None:
        """Run the job to the end of what Kafka holds."""
        with self._process("--bounded") as process:
            assert process.wait(120) == 0

    @contextmanager
    def job(self) -> Iterator[None]:
        """The continuous job, as long as the block lasts."""
        with self._process() as process:
            try:
                yield
            finally:
                process.terminate()
                process.wait(120)

    @contextmanager
    def _process(self, *options: str) -> Iterator[subprocess.Popen[bytes]]:
        command = [sys.executable, "-m", "spark_jobs", "run", self.name, *options]
        with (
            log_file(self.stack.settings, "lost").open("ab") as log,
            subprocess.Popen(command, env=self.stack.environment, cwd=ROOT, stdout=log, stderr=log) as process,
        ):
            try:
                yield process
            finally:
                process.kill()

    def is_held_up(self) -> bool:
        """True if the job says that it cannot go on without what Kafka has removed."""
        state = job_state.read_states(self.stack.settings).get(self.name)
        return state is not None and state.state == "restarting" and REMOVED in state.reason

    def runs(self) -> bool:
        """True if the job says that it runs."""
        state = job_state.read_states(self.stack.settings).get(self.name)
        return state is not None and state.state == "running"

    def stored(self) -> set[str]:
        """The identities of the views in the star schema."""
        with postgres.connect(self.stack.settings) as connection:
            rows = connection.execute("SELECT log_id FROM fact_product_views").fetchall()
        return {str(identity) for (identity,) in rows}


@pytest.fixture
def visits(stack: IsolatedStack) -> Iterator[OwnVisits]:
    """Such visits; what the job of the stack's own has on HDFS is put aside meanwhile."""
    own, folder = OwnVisits(stack), partition_locations.path("visits", "").rstrip("/")
    aside = f"{folder}-aside"
    own.supervisor.stop(ALL_JOBS)
    there = webhdfs.exists(stack.settings, folder)
    if there:
        webhdfs.rename(stack.settings, folder, aside)
    yield own
    webhdfs.delete(stack.settings, folder)
    if there:
        webhdfs.rename(stack.settings, aside, folder)


def test_what_kafka_removed_unread_is_told_then_skipped_and_accounted_for(visits: OwnVisits) -> None:
    eventmill = visits.stack.eventmill
    read = visits.send(READ)
    visits.run_bounded()
    unread = visits.send(UNREAD)
    visits.remove(ENDS)
    with visits.job():
        until(visits.is_held_up, 120, "the job does not tell what it is without")
        told = eventmill("jobs", "status").stdout
        assert told.count(f"{REMOVED} before visits read them; {WAY_OUT}") == 1
        assert eventmill("jobs", "skip-lost", "visits").stdout == f"visits: {REMOVED}; it goes on without them\n"
        visits.wait_until_processed()
        until(visits.runs, 60, "the job does not run again")
        afterwards = visits.send(AFTERWARDS)
        visits.wait_until_processed()
        assert eventmill("jobs", "skip-lost", "visits").stdout == f"visits: nothing of {TOPIC} is lost\n"
        assert REMOVED not in eventmill("jobs", "status").stdout

    left = {partition: logs[max(0, ENDS.get(partition, 0) - READ) :] for partition, logs in unread.items()}
    assert visits.stored() == {log for sent in (read, left, afterwards) for logs in sent.values() for log in logs}
    report, sent = visits.report(), sum(len(logs) for part in (read, unread, afterwards) for logs in part.values())
    assert report["differences"] == []
    assert [report[name] for name in ("accepted", "lost", "stored", "waiting")] == [sent, LOST, sent - LOST, 0]
