"""Records that break their contract: back to Kafka, to the topic of the rejected ones."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from eventmill.config.settings import Settings
from eventmill.kafka.dead_letters import REFUSED_BY
from eventmill.kafka.record_sizes import RECORD_BYTES
from eventmill.spark.configuration import kafka_sink


def rejected_records(tagged: DataFrame, topic: str, query: str) -> DataFrame:
    """The rejected records as Kafka takes them; source topic, partition and offset in the headers identify each.

    One that a sink of the query refused has the query's name in a further header.
    """
    key = F.substring("key", F.lit(1), F.lit(RECORD_BYTES))
    room = RECORD_BYTES - F.coalesce(F.length(key), F.lit(0))
    value = F.substring("value", F.lit(1), room)
    return tagged.where("reason IS NOT NULL").select(
        key.alias("key"), value.alias("value"), _headers(topic, query, key, value).alias("headers")
    )


def _headers(topic: str, query: str, key: Column, value: Column) -> Column:
    """The headers of a record whose key and value may be cut to what the topic takes."""
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
    refused = F.array(header(REFUSED_BY, F.lit(query)))
    more = F.when(F.col("refused"), refused).otherwise(F.slice(refused, 1, 0))
    cut = F.when((value != F.col("value")) | (key != F.col("key")), whole).otherwise(F.slice(whole, 1, 0))
    return F.concat(headers, more, cut)


def header(name: str, value: Column) -> Column:
    """A header as Kafka takes it, from text."""
    return F.struct(F.lit(name).alias("key"), F.encode(value, "UTF-8").alias("value"))


def write_rejected(records: DataFrame, settings: Settings, topic: str) -> None:
    """Write them to the topic; one that was written before is written again, with the same identity."""
    records.write.format("kafka").options(**kafka_sink(settings, topic)).save()
