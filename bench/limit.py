"""Counting the clicks of a topic per window and source with nothing else done: what no job can beat.

    python -m bench.limit --processes 2 --decoder msgspec
    python -m bench.limit --decoder duckdb

librdkafka reads the topic from its beginning to where it ends now; msgspec decodes record by record, or DuckDB many
at a time by SQL. Prints the number of records counted. No duplicates are found, nothing is late, nothing is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from enum import StrEnum
from typing import Annotated

import duckdb
import msgspec
import pyarrow as pa
import typer

from eventmill.config.settings import load
from eventmill.kafka import topic_reader
from spark_jobs.source import kafka_reader

Counts = Counter[tuple[str, str]]
"""Clicks by the minute of their time, of which windows are made in the end, and source."""


class Decoder(StrEnum):
    """A way to decode and count records."""

    MSGSPEC = "msgspec"
    DUCKDB = "duckdb"


class Context(msgspec.Struct):
    """The source of a click."""

    source: str


class Click(msgspec.Struct):
    """The fields of a click that are counted."""

    timestamp: str
    context: Context


DECODE = msgspec.json.Decoder(Click).decode
MINUTE = len("2026-01-01T00:00")
QUERY = """
SELECT left(click ->> '$.timestamp', 16) AS minute, click ->> '$.context.source' AS source, count(*)
FROM (SELECT decode(value)::JSON AS click FROM records) GROUP BY ALL
"""


def by_msgspec(batches: Iterable[pa.RecordBatch]) -> Counts:
    """The counts of all batches."""
    counts: Counts = Counter()
    for records in batches:
        clicks = map(DECODE, records.column("value").to_pylist())
        counts.update([(click.timestamp[:MINUTE], click.context.source) for click in clicks])
    return counts


def by_duckdb(batches: Iterable[pa.RecordBatch]) -> Counts:
    """The counts of all batches."""
    counts: Counts = Counter()
    with duckdb.connect() as connection:
        for records in batches:
            connection.register("records", pa.Table.from_batches([records]))
            rows = connection.execute(QUERY).fetchall()
            counts.update({(minute, source): number for minute, source, number in rows})
    return counts


COUNT = {Decoder.MSGSPEC: by_msgspec, Decoder.DUCKDB: by_duckdb}


def count(decoder: Decoder, kafka: str, topic: str, ends: dict[int, int]) -> Counts:
    """The counts of some partitions up to their ends."""

    def batches() -> Iterator[pa.RecordBatch]:
        for partition, end in ends.items():
            yield from kafka_reader.read_range(kafka, topic, partition, 0, end)

    return COUNT[decoder](batches())


def main(
    processes: Annotated[int, typer.Option(min=1, help="How many processes share the partitions.")] = 1,
    decoder: Annotated[Decoder, typer.Option(help="What decodes and counts.")] = Decoder.MSGSPEC,
) -> None:
    """Count the clicks topic."""
    settings = load()
    ends = sorted(topic_reader.ends(settings, settings.clicks_topic).items())
    shares = [dict(ends[first::processes]) for first in range(processes)]
    with ProcessPoolExecutor(processes) as pool:
        running = [
            pool.submit(count, decoder, settings.kafka_bootstrap, settings.clicks_topic, share) for share in shares
        ]
        total = sum((each.result() for each in running), Counts())
    print(total.total())


if __name__ == "__main__":
    typer.run(main)
