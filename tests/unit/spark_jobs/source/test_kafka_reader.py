"""Reading Kafka with librdkafka, from the broker that librdkafka brings along for tests."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from eventmill.lake.hadoop_files import Files
from eventmill.lake.lost_records import LostRecordsError, OffsetGap, SkipNote
from spark_jobs.source import kafka_reader
from spark_jobs.source.kafka_reader import Range
from spark_jobs.source.kafka_stream import map_records

TOPIC = "clicks"


class Broker:
    """A topic of four partitions."""

    def __init__(self) -> None:
        self._producer = Producer({"test.mock.num.brokers": 1})
        [broker] = self._producer.list_topics(timeout=10).brokers.values()
        self.address = f"{broker.host}:{broker.port}"
        self._producer.list_topics(TOPIC, timeout=10)

    def fill(self, partition: int, *values: bytes) -> None:
        """Write values to a partition."""
        for value in values:
            self._producer.produce(TOPIC, value, b"key", partition, timestamp=1_700_000_000_123)
        assert self._producer.flush(10) == 0


@pytest.fixture
def broker() -> Broker:
    """A broker of its own for a test."""
    return Broker()


def values(broker: Broker, first: int, end: int) -> list[bytes]:
    """What a range of partition 0 holds."""
    batches = kafka_reader.read_range(broker.address, TOPIC, 0, first, end)
    return [value for batch in batches for value in batch.column("value").to_pylist()]


def test_a_range_is_read_from_its_first_to_its_last_record(broker: Broker) -> None:
    broker.fill(0, *(b"%d" % number for number in range(1000)))
    assert values(broker, 0, 1000) == [b"%d" % number for number in range(1000)]
    assert values(broker, 300, 310) == [b"%d" % number for number in range(300, 310)]


def test_records_have_the_columns_of_the_connector(broker: Broker) -> None:
    broker.fill(0, b"first", b"second")
    [batch] = kafka_reader.read_range(broker.address, TOPIC, 0, 1, 2)
    [row] = batch.to_pylist()
    assert (row["key"], row["value"], row["partition"], row["offset"]) == (b"key", b"second", 0, 1)
    assert row["timestamp"].timestamp() == 1_700_000_000.123


def test_a_record_that_is_not_there_any_more_is_told(broker: Broker) -> None:
    broker.fill(0, b"first")
    with pytest.raises(LostRecordsError, match="clicks-0 has no record 5 any more"):
        values(broker, 5, 6)


def test_a_batch_reads_what_spark_wrote_down(spark: SparkSession, tmp_path: Path) -> None:
    plan(tmp_path, {1: 5, 0: 3}, {1: 5, 0: 9}, {1: 7, 0: 9, 2: 4})
    files = Files(spark, tmp_path.as_uri())
    assert kafka_reader.of_batch(files, TOPIC, 0) == [Range(0, 3, 9)]
    assert kafka_reader.of_batch(files, TOPIC, 1) == [Range(1, 5, 7), Range(2, 0, 4)]


def test_what_the_note_calls_lost_is_not_read(spark: SparkSession, tmp_path: Path) -> None:
    plan(tmp_path, {0: 3, 1: 5}, {0: 9, 1: 5}, {0: 20, 1: 7})
    files = Files(spark, tmp_path.as_uri())
    (tmp_path / "lost.json").write_bytes(msgspec.json.encode(SkipNote(TOPIC, {0: 11, 1: 99})))
    assert kafka_reader.of_batch(files, TOPIC, 0) == []
    assert kafka_reader.lost_of_batch(files, 0) == [OffsetGap(0, 3, 9)]
    assert kafka_reader.of_batch(files, TOPIC, 1) == [Range(0, 11, 20)]
    assert kafka_reader.lost_of_batch(files, 1) == [OffsetGap(0, 9, 11), OffsetGap(1, 5, 7)]


def plan(folder: Path, begin: dict[int, int], *ends: dict[int, int]) -> None:
    """Write down batches as Spark does: where the query began, and where each batch ends."""
    checkpoint = folder / "checkpoint"
    for name in ("offsets", "sources/0"):
        (checkpoint / name).mkdir(parents=True)
    (checkpoint / "sources" / "0" / "0").write_bytes(b"\0v1\n" + json.dumps({TOPIC: begin}).encode())
    for batch, end in enumerate(ends):
        (checkpoint / "offsets" / str(batch)).write_text(f"v1\n{{}}\n{json.dumps({TOPIC: end})}")


def test_each_range_is_a_task(spark: SparkSession) -> None:
    spans = [Range(0, 3, 9), Range(2, 0, 2**40)]
    frame = kafka_reader.ranges_frame(spark, "here:9092", TOPIC, spans)
    assert frame.columns == kafka_reader.NAMES
    assert [tuple(row) for row in frame.collect()] == [("here:9092", TOPIC, *span) for span in spans]
    assert frame.rdd.getNumPartitions() == 2
    assert kafka_reader.ranges_frame(spark, "here:9092", TOPIC, []).columns == kafka_reader.NAMES


@pytest.mark.parametrize("ends", [{0: 6, 1: 9}, {1: 9}])
def test_a_topic_that_was_made_anew_is_told(ends: dict[int, int]) -> None:
    with pytest.raises(LostRecordsError, match=r"partitions \[0\] any more .* was the topic created again"):
        kafka_reader.ranges_between(TOPIC, {0: 7, 1: 9}, ends)


def test_records_of_a_batch_are_read_by_its_tasks(broker: Broker, spark: SparkSession) -> None:
    broker.fill(0, b"first", b"second")
    broker.fill(2, b"third")
    frame = kafka_reader.ranges_frame(spark, broker.address, TOPIC, [Range(0, 1, 2), Range(2, 0, 1)])
    read = map_records(frame, lambda batches: batches, from_arrow_schema(kafka_reader.FIELDS))
    assert {(row["partition"], row["offset"], bytes(row["value"])) for row in read.collect()} == {
        (0, 1, b"second"),
        (2, 0, b"third"),
    }
