"""The visits pipeline: page logs enriched, beside a plain loop; and forwarded, beside a plain copy loop.

    python -m bench.visits --count 200000 --rounds 3

The enrichment runs here, on one core, without Spark. The forwarder copies from a source cluster of its own; the
plain loop consumes there and produces in ours with librdkafka, each record once unless it is killed. Both are measured
from the first record that is copied to the last.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer
from confluent_kafka import Consumer, Producer
from rich.console import Console
from rich.table import Table

from eventmill.config.polling import until
from eventmill.config.settings import Settings
from eventmill.contracts.events import PageLog, decode_many
from eventmill.kafka import forwarder, producer, topics
from ops.datagen import page_logs
from ops.datagen.spec import Spec
from ops.senders import source_cluster
from ops.stack.isolated_stack import IsolatedStack
from ops.stack.supervisor import Supervisor
from spark_jobs.processing import enrichment, location_databases
from spark_jobs.processing.enrichment import COPIED, ENRICHED, READ, Enrichment

BATCH = 20_000
INPUT = pa.schema([*map(ENRICHED.field, COPIED), *((name, pa.string()) for name in READ)])
SECONDS = 600


def batches(lines: Sequence[bytes]) -> list[pa.RecordBatch]:
    """The logs as the job hands them to the enrichment."""
    decode = decode_many(PageLog)
    rows = [
        {
            "log_id": log.messageid,
            "partition": 0,
            "offset": offset,
            "viewed_at": log.timestamp,
            **{name: getattr(log, name) for name in INPUT.names[4:]},
        }
        for offset, log in enumerate(map(decode, lines))
    ]
    return [pa.RecordBatch.from_pylist(rows[at : at + BATCH], INPUT) for at in range(0, len(rows), BATCH)]


def enrich(databases: Sequence[str], found: Sequence[pa.RecordBatch]) -> float:
    """CPU seconds of the job's enrichment."""
    begun = time.process_time()
    for _ in Enrichment(databases, "the key of the bench")(iter(found)):
        pass
    return time.process_time() - begun


def plain_loop(databases: Sequence[str], found: Sequence[pa.RecordBatch]) -> float:
    """CPU seconds of the same for one row after the other, with nothing remembered."""
    looks = [enrichment.open_database(Path(name)) for name in databases]
    begun = time.process_time()
    for batch in found:
        rows = []
        for row in batch.to_pylist():
            place = next((at for each in looks if (at := each(row["ip"]))), None) or enrichment.GeoLocation()
            rows.append(
                {name: row[name] for name in COPIED}
                | place._asdict()
                | enrichment.agent(row["user_agent"])._asdict()
                | {"referrer": enrichment.referrer(row["referrer_url"])}
                | {"address": enrichment.pseudonym("the key of the bench", row["ip"])}
                | {"customer": row["email"] and enrichment.pseudonym("the key of the bench", row["email"])}
            )
        pa.RecordBatch.from_pylist(rows, ENRICHED)
    return time.process_time() - begun


class Copying:
    """A source cluster, our cluster and the forwarder on a stack of their own."""

    def __init__(self) -> None:
        self.stack = IsolatedStack("bench", 41000)
        self.values: Settings = self.stack.settings
        self.supervisor = Supervisor(self.values)

    def start(self, file: Path, count: int) -> None:
        """Fill the source's topic."""
        self.stack.remove()
        self.stack.eventmill("up", "kafka", "source-kafka")
        forwarder.apply_topics(self.values)
        source_cluster.send_page_logs(self.values, file, 60)
        self.count = count

    def forwarder(self) -> float:
        """Records a second of the forwarder."""
        self.supervisor.start("forwarder")
        until(lambda: self._copied() > 0, SECONDS, "nothing is forwarded", every=0.05)
        first, begun = self._copied(), time.monotonic()
        until(lambda: self._copied() >= self.count, SECONDS, "not all is forwarded", every=0.05)
        return (self.count - first) / (time.monotonic() - begun)

    def copy_loop(self) -> float:
        """Records a second of a plain loop, to another topic of as many partitions."""
        with topics.administration(self.values) as client:
            name = f"copy-{time.monotonic_ns()}"
            client.create_topics({name: {"num_partitions": self.values.visits_partitions, "replication_factor": 1}})
        options: dict[str, Any] = {"group.id": name, "auto.offset.reset": "earliest", "enable.auto.commit": False}
        consumer = Consumer({**forwarder.source_configuration(self.values), **options})
        consumer.subscribe([self.values.forward_topic])
        sink = Producer(producer.producer_configuration(self.values, name) | {"acks": "all", "linger.ms": 20})
        done, begun = 0, 0.0
        while done < self.count:
            for record in consumer.consume(5000, 1):
                begun = begun or time.monotonic()
                sink.produce(name, record.value(), record.key(), partition=record.partition() or 0)
                done += 1
            sink.poll(0)
        sink.flush(60)
        consumer.close()
        return done / (time.monotonic() - begun)

    def _copied(self) -> int:
        return sum(part.copied for part in forwarder.forwarder_status(self.values))


def main(
    count: Annotated[int, typer.Option(help="Page logs.")] = 200_000,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
) -> None:
    """Run and print the comparisons."""
    console = Console()
    enriched: dict[str, list[float]] = {"the job's": [], "a plain loop": []}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "logs.json"
        page_logs.write_page_logs(Spec(count=count), file, Path(folder) / "truth.json")
        copying = Copying()
        databases = [str(path) for path in location_databases.databases(copying.values)]
        found = batches(file.read_bytes().splitlines())
        for number in range(1, rounds + 1):
            console.print(f"round {number}: enrichment")
            enrichment.forget()
            enriched["the job's"].append(enrich(databases, found))
            enriched["a plain loop"].append(plain_loop(databases, found))
        try:
            console.print("forwarding")
            copying.start(file, count)
            rates = {"a plain copy loop": copying.copy_loop(), "the forwarder": copying.forwarder()}
        finally:
            copying.stack.remove()
    table = Table("enrichment", "records a second and core", "ratio of CPU")
    best = statistics.median(enriched["the job's"])
    for name, seconds in enriched.items():
        middle = statistics.median(seconds)
        table.add_row(name, f"{count / middle:,.0f}", f"{middle / best:.1f}")
    console.print(table)
    table = Table("forwarding", "records a second", "ratio")
    for name, rate in rates.items():
        table.add_row(name, f"{rate:,.0f}", f"{rate / rates['a plain copy loop']:.2f}")
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
