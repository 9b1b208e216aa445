"""Reading Kafka as a stream."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from eventmill.settings import Settings


def kafka_stream(spark: SparkSession, settings: Settings, topic: str, max_offsets: int | None) -> DataFrame:
    """A topic from its beginning, at most so many records a batch if that is given; lost records end the query.

    `minPartitions` stays unset: one task then reads one Kafka partition in order, which the rule of lateness needs.
    """
    limit = {} if max_offsets is None else {"maxOffsetsPerTrigger": max_offsets}
    return (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", settings.kafka_bootstrap)
        .option("subscribe", topic)
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", "true")
        # A replay of rejected records that was broken off is never seen.
        .option("kafka.isolation.level", "read_committed")
        .options(**limit)
        # Between two polls the connector asks the broker for the topic's ends.
        .option("kafka.max.poll.records", 20_000)
        .load()
    )
