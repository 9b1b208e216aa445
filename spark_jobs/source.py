"""Reading Kafka as a stream."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from eventmill.settings import Settings


def kafka_stream(spark: SparkSession, settings: Settings, topic: str, max_offsets: int) -> DataFrame:
    """A topic from its beginning, at most so many records a batch; lost records end the query.

    `minPartitions` stays unset: one task then reads one Kafka partition in order, which the rule of lateness needs.
    """
    return (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", settings.kafka_bootstrap)
        .option("subscribe", topic)
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", "true")
        .option("maxOffsetsPerTrigger", max_offsets)
        # Between two polls the connector asks the broker for the topic's ends.
        .option("kafka.max.poll.records", 20_000)
        .load()
    )
