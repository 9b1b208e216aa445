"""Records that break their contract: back to Kafka, to the topic of the rejected ones."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from eventmill.rejected import LONGEST


def rejected_records(tagged: DataFrame, topic: str) -> DataFrame:
    """The rejected records as Kafka takes them; source topic, partition and offset in the headers identify each."""
    room = LONGEST - F.coalesce(F.length("key"), F.lit(0))
    return tagged.where("reason IS NOT NULL").select(
        "key", F.substring("value", F.lit(1), room).alias("value"), _headers(topic, room).alias("headers")
    )


def _headers(topic: str, room: Column) -> Column:
    headers = F.array(
        header("reason", F.col("reason")),
        header("source.topic", F.lit(topic)),
        header("source.partition", F.col("partition").cast("string")),
        header("source.offset", F.col("offset").cast("string")),
        header("source.time", F.unix_millis("kafka_time").cast("string")),
    )
    whole = F.array(
        header("source.bytes", F.length("value").cast("string")), header("source.sha256", F.sha2("value", 256))
    )
    return F.when(F.length("value") > room, F.concat(headers, whole)).otherwise(headers)


def header(name: str, value: Column) -> Column:
    """A header as Kafka takes it, from text."""
    return F.struct(F.lit(name).alias("key"), F.encode(value, "UTF-8").alias("value"))


def write_rejected(records: DataFrame, bootstrap: str, topic: str) -> None:
    """Write them to the topic; one that was written before is written again, with the same identity."""
    records.write.format("kafka").option("kafka.bootstrap.servers", bootstrap).option("topic", topic).save()
