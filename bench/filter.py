"""The carts pipeline's filter from Kafka to Kafka: real-time mode beside micro-batches, alternated in one run.

    python -m bench.filter --seconds 120 --rate 50 --rounds 2

Starts Kafka, HDFS and MySQL of its own and the carts job in each way, sends actions at a steady rate, half of them
products put into a cart, and prints how long each was under way: from the moment when its producer made the record in
`user-actions` to that when Spark made the one in `carts.abandoned`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

import msgspec
import typer
from confluent_kafka import Producer
from rich.console import Console
from rich.table import Table

from eventmill.config.polling import until
from eventmill.config.settings import ROOT
from eventmill.databases import mysql
from eventmill.kafka import topic_reader, topics
from ops.stack.engines import service_environment
from ops.stack.isolated_stack import IsolatedStack

USERS = 50
LOG = ROOT / ".eventmill" / "bench-filter.log"
WAYS = {"micro-batches": "false", "real time": "true"}


class Bench:
    """A carts pipeline on a stack of its own."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.stack = IsolatedStack("bench", 41000)
        self.values = self.stack.settings
        self.environment = self.stack.environment | service_environment(self.values)

    def start(self) -> None:
        """Start what the job needs."""
        self.stack.remove()
        self.stack.eventmill("up", "kafka", "datanode", "mysql")
        topics.apply_topics(self.values)
        mysql.apply_tables(self.values)

    @contextmanager
    def job(self, real_time: str) -> Iterator[None]:
        """The carts job as long as the block lasts, from the moment at which its filter has passed something."""
        command = [sys.executable, "-m", "spark_jobs", "run", "carts"]
        environment = self.environment | {"CARTS_REAL_TIME": real_time}
        # Spark tells at length that a query in real time was ended.
        with LOG.open("ab") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            passed = self._passed()
            until(lambda: self._send(1) and self._passed() > passed, 120, f"the filter passes nothing ({LOG})", every=1)
            yield
        finally:
            process.terminate()
            process.wait(60)

    def _passed(self) -> int:
        return sum(topic_reader.ends(self.values, self.values.carts_abandoned_topic).values())

    def _send(self, seconds: float) -> bool:
        """Send actions at the rate for so long."""
        producer = Producer({"bootstrap.servers": self.values.kafka_bootstrap, "linger.ms": 0})
        begun = time.monotonic()
        for number in range(int(seconds * self.rate)):
            user, name = f"user-{number % USERS}", "SHOPPING_CART" if number % 2 else "SEARCH"
            event = {"messageid": uuid4(), "timestamp": datetime.now(UTC), "userid": user, "productid": "product-1"}
            producer.produce(self.values.carts_topic, msgspec.json.encode(event | {"lastAction": name}), user)
            producer.poll(max(0.0, begun + (number + 1) / self.rate - time.monotonic()))
        return producer.flush(30) == 0

    def measure(self, way: str, seconds: float) -> list[float]:
        """Latency of each product put into a cart, in milliseconds, sorted."""
        source, target = self.values.carts_topic, self.values.carts_abandoned_topic
        with self.job(WAYS[way]):
            # The first batches are those of a Java that is not warm yet.
            self._send(seconds / 2)
            sent, passed = topic_reader.ends(self.values, source), topic_reader.ends(self.values, target)
            self._send(seconds)
            made = {(r.partition, r.offset): r for r in self._since(source, sent)}
            wanted = {at for at, record in made.items() if b"SHOPPING_CART" in record.value}
            found: dict[tuple[int, int], float] = {}

            def all_there() -> bool:
                for record in self._since(target, passed):
                    if (at := _origin(record)) in wanted:
                        found[at] = min(float(record.timestamp - made[at].timestamp), found.get(at, float("inf")))
                return found.keys() == wanted

            until(all_there, 120, "the filter is behind", every=1)
        return sorted(found.values())

    def _since(self, topic: str, begin: dict[int, int]) -> list[Any]:
        """The topic's records from these offsets on."""
        with topic_reader.consumer(self.values) as client:
            limits = {
                number: topic_reader.OffsetRange(begin[number], b.end)
                for number, b in topic_reader.offset_ranges(client, topic).items()
            }
            return list(topic_reader.records_between(client, topic, limits))


def _origin(record: Any) -> tuple[int, int]:
    headers = dict(record.headers)
    return int(headers["source.partition"]), int(headers["source.offset"])


def percentile(sorted_times: list[float], share: float) -> float:
    """The time within which that share of the records was there."""
    return sorted_times[min(len(sorted_times) - 1, int(len(sorted_times) * share))]


def main(
    seconds: Annotated[float, typer.Option(help="How long to send in each round.")] = 120,
    rate: Annotated[float, typer.Option(help="Actions a second.")] = 50,
    rounds: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    """Run and print the comparison."""
    bench, console = Bench(rate), Console()
    times: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    try:
        console.print("starting Kafka, HDFS and MySQL")
        bench.start()
        for number in range(1, rounds + 1):
            for way, measured in times.items():
                console.print(f"round {number}: {way}")
                measured.append(bench.measure(way, seconds))
    finally:
        bench.stack.remove()
    table = Table("way", "records", "p50 in ms", "p99 in ms", "slowest in ms")
    for way, measured in times.items():
        figures = (statistics.median(percentile(each, share) for each in measured) for share in (0.5, 0.99, 1))
        table.add_row(way, str(sum(map(len, measured))), *(f"{figure:.0f}" for figure in figures))
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
