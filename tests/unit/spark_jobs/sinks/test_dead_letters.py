"""Rejected records as Kafka gets them."""

from __future__ import annotations

from hashlib import sha256

from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from eventmill.kafka.record_sizes import RECORD_BYTES
from spark_jobs.sinks.dead_letters import rejected_records
from tests.unit.spark_jobs.support import header_values


def rejected(spark: SparkSession, value: bytes | None, key: bytes | None = b"user-1", refused: bool = False) -> Row:
    schema = "partition int, offset long, key binary, value binary, reason string, refused boolean"
    tagged = spark.createDataFrame([(3, 17, key, value, "empty value", refused)], schema)
    records = rejected_records(
        tagged.withColumn("kafka_time", F.timestamp_millis(F.lit(1767225600123))), "clicks", "clicks"
    )
    return records.collect()[0]


def test_the_bytes_come_as_they_were_with_where_they_were(spark: SparkSession) -> None:
    record = rejected(spark, b"\xff\x00{")
    assert (bytes(record.key), bytes(record.value)) == (b"user-1", b"\xff\x00{")
    assert header_values(record) == {
        "reason": "empty value",
        "source.topic": "clicks",
        "source.partition": "3",
        "source.offset": "17",
        "source.time": "1767225600123",
    }


def test_null_stays_null(spark: SparkSession) -> None:
    record = rejected(spark, None, None)
    assert (record.key, record.value) == (None, None)


def test_what_is_too_long_for_kafka_is_cut_and_its_whole_is_told(spark: SparkSession) -> None:
    whole = b"x" * 2_000_000
    record = rejected(spark, whole, None)
    assert bytes(record.value) == whole[:RECORD_BYTES]
    assert header_values(record)["source.bytes"] == "2000000"
    assert header_values(record)["source.sha256"] == sha256(whole).hexdigest()


def test_the_largest_that_a_topic_takes_is_kept_whole(spark: SparkSession) -> None:
    for value, key in ((b"x" * 1_190_000, b"k" * 9_000), (b"x" * 100_000, b"k" * 1_060_000)):
        record = rejected(spark, value, key)
        assert (bytes(record.key), bytes(record.value)) == (key, value)
        assert "source.bytes" not in header_values(record)


def test_a_key_that_is_too_long_is_cut_too(spark: SparkSession) -> None:
    record = rejected(spark, b"{}", b"k" * 1_300_000)
    assert (len(record.key), len(record.value)) == (RECORD_BYTES, 0)
    assert header_values(record)["source.bytes"] == "2"


def test_what_a_sink_refused_names_the_query(spark: SparkSession) -> None:
    assert header_values(rejected(spark, b"{}", refused=True))["refused.by"] == "clicks"
    assert "refused.by" not in header_values(rejected(spark, b"{}"))
