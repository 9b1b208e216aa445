"""Rejected records as Kafka gets them."""

from __future__ import annotations

from hashlib import sha256

from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from eventmill.rejected import LONGEST
from spark_jobs.rejected import rejected_records
from tests.unit.spark_jobs.support import header_values


def rejected(spark: SparkSession, value: bytes | None, key: bytes | None = b"user-1") -> Row:
    schema = "partition int, offset long, key binary, value binary, reason string"
    tagged = spark.createDataFrame([(3, 17, key, value, "empty value")], schema)
    records = rejected_records(tagged.withColumn("kafka_time", F.timestamp_millis(F.lit(1767225600123))), "clicks")
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
    whole = b"x" * 1_000_000
    record = rejected(spark, whole, None)
    assert bytes(record.value) == whole[:LONGEST]
    assert header_values(record)["source.bytes"] == "1000000"
    assert header_values(record)["source.sha256"] == sha256(whole).hexdigest()
