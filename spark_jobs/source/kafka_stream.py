"""Reading Kafka as a stream, by librdkafka or by Spark's own connector (`SPARK_KAFKA_READER`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from eventmill.config.settings import Settings
from eventmill.lake.hadoop_files import Files
from spark_jobs.source import kafka_reader

FunctionOfRecords = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
"""Makes rows of the records of one partition, which come in their order as rows of `kafka_reader.FIELDS`."""


def kafka_stream(
    spark: SparkSession, settings: Settings, topic: str, max_offsets: int | None, *, lossy: bool = False
) -> DataFrame:
    """A topic from its beginning, at most so many records a batch if that is given; lost records end a query.

    One that is `lossy` goes on without them.
    `minPartitions` stays unset: one task then reads one Kafka partition in order, which the rule of lateness needs.
    """
    limit = {} if max_offsets is None else {"maxOffsetsPerTrigger": max_offsets}
    return (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", settings.kafka_bootstrap)
        .option("subscribe", topic)
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", str(not lossy).lower())
        # A replay of rejected records that was broken off is never seen.
        .option("kafka.isolation.level", "read_committed")
        .options(**limit)
        # Between two polls the connector asks the broker for the topic's ends.
        .option("kafka.max.poll.records", 20_000)
        .load()
    )


def batch_records(batch: DataFrame, batch_id: int, settings: Settings, topic: str, files: Files) -> DataFrame:
    """A micro-batch of `kafka_stream` for `map_records`; the query's checkpoint is below the folder of the files."""
    if settings.spark_kafka_reader == "spark" and not kafka_reader.lost_of_batch(files, batch_id):
        return batch
    spans = kafka_reader.of_batch(files, topic, batch_id)
    return kafka_reader.ranges_frame(batch.sparkSession, settings.kafka_bootstrap, topic, spans)


def map_records(batch: DataFrame, function: FunctionOfRecords, rows: StructType) -> DataFrame:
    """The rows that the function makes of a micro-batch's records; one task has one partition, in order."""
    if batch.columns == kafka_reader.NAMES:

        def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for each in (row for rows in batches for row in rows.to_pylist()):
                yield from function(kafka_reader.read_range(**each))

        return batch.mapInArrow(read, rows)
    return batch.select(*kafka_reader.FIELDS.names).mapInArrow(function, rows)
