"""Small files of the game pipeline: how many there are and how long a scan takes, before and after compaction.

    python -m bench.compaction --batches 80

Starts Kafka, HDFS, Hive and Presto of its own, puts game events of four days into the topic, lets the pipeline's job
store them in so many batches, each of which makes a file a day in each table, and compacts them. The command compares
all rows before and after, reads every column through Presto both times, and prints what this prints.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
import numpy as np
import typer
from confluent_kafka import Producer

from bench.measure import run
from eventmill.contracts.events import GameEvent
from eventmill.kafka import producer, topics
from ops.cli.display import wide
from ops.stack.isolated_stack import IsolatedStack

FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 4
A_BATCH = 1000
ITEMS = ("katana", "longsword", "rapier")


def events(count: int) -> Iterator[GameEvent]:
    """Purchases at random times of the days, and in the end some of a later day, by which the others are closed."""
    chance = np.random.default_rng(7)
    for number in range(count + A_BATCH):
        seconds = DAYS * 86400 * (chance.random() if number < count else 1.5)
        yield GameEvent(
            event_type="purchase_sword",
            messageid=UUID(bytes=chance.bytes(16), version=4),
            timestamp=FIRST_DAY + timedelta(seconds=seconds),
            host=f"player-{chance.integers(5000)}.example.org",
            type=str(chance.choice(ITEMS)),
            cost=int(chance.integers(1, 500)),
        )


def main(batches: Annotated[int, typer.Option(min=2, help="How many batches the job makes.")] = 80) -> None:
    """Make small files, compact them, and print what the command says."""
    console = wide()
    beside = IsolatedStack("bench", 41000, game_max_offsets_per_trigger=A_BATCH)
    beside.remove()
    try:
        beside.eventmill("up", "kafka", "presto", "hiveserver2")
        topics.apply_topics(beside.settings)
        _produce(beside, batches * A_BATCH)
        usage = run([sys.executable, "-m", "spark_jobs", "run", "game", "--bounded"], beside.environment)
        console.print(f"{batches} batches of {A_BATCH:,} events stored in {usage.wall:.0f} s")
        console.print(beside.eventmill("compact", "game").stdout)
    finally:
        beside.remove()


def _produce(beside: IsolatedStack, count: int) -> None:
    settings = beside.settings
    options: dict[str, Any] = {"queue.buffering.max.messages": 2 * count}
    kafka = Producer(producer.producer_configuration(settings, "bench") | options)
    for number, event in enumerate(events(count)):
        partition = number % settings.game_partitions
        kafka.produce(settings.game_topic, msgspec.json.encode(event), event.host, partition=partition)
    if left := kafka.flush(60):
        raise RuntimeError(f"Kafka has not acknowledged {left} events")


if __name__ == "__main__":
    typer.run(main)
