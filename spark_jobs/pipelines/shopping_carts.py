"""The filter of the carts pipeline: products put into a cart, from topic to topic as soon as they come.

It works on Spark's own columns alone, so that a record is on its way in milliseconds.
"""

from __future__ import annotations

from codecs import BOM_UTF8

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from eventmill.contracts.events import UUID_TEXT, UserAction
from eventmill.kafka.record_sizes import RECORD_BYTES
from spark_jobs.sinks.dead_letters import header
from spark_jobs.source.schema import struct_type

ACTION = "SHOPPING_CART"
BOM = BOM_UTF8.decode()


def shopping_carts(records: DataFrame, topic: str) -> DataFrame:
    """Kafka's records of the topic whose last action is SHOPPING_CART, as Kafka takes them.

    The headers name the record and the action that each comes from, so that one which was written twice can be told.
    What lacks a field of the contract, has one of another type, or is too long is left out; the carts job rejects it.
    """
    fields = struct_type(UserAction)
    # Times are judged by the carts job; a text is one here.
    fields["timestamp"].dataType = fields["messageid"].dataType
    text = F.col("value").cast("string")
    action = F.from_json(F.ltrim(text, F.lit(BOM)), fields)
    kept = records.withColumn("action", action).where(
        (F.length("value") + F.coalesce(F.length("key"), F.lit(0)) <= RECORD_BYTES)
        & (F.col("action.lastAction") == ACTION)
        & F.is_valid_utf8(text)
        & F.lower("action.messageid").rlike(UUID_TEXT)
        & F.col("action.timestamp").isNotNull()
        & F.length("action.userid").between(1, 255)
        & F.length("action.productid").between(1, 255)
    )
    return kept.select("key", "value", _origin(topic).alias("headers"))


def _origin(topic: str) -> Column:
    return F.array(
        header("source.topic", F.lit(topic)),
        header("source.partition", F.col("partition").cast("string")),
        header("source.offset", F.col("offset").cast("string")),
        header("source.messageid", F.col("action.messageid")),
    )
