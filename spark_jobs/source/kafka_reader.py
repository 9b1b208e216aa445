"""Reading Kafka with librdkafka: Spark plans the batches and keeps their offsets, the tasks read the records.

Spark's own connector reads in the JVM and hands each record on to Python, which takes more time than decoding it. So
only its offsets are used: a micro-batch becomes one row for each partition, the range to read, and the task that
decodes the records is the first that sees them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from time import monotonic
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from eventmill.kafka import consumer
from eventmill.lake import checkpoint_progress, lost_records
from eventmill.lake.hadoop_files import Files
from eventmill.lake.lost_records import LostRecordsError, OffsetGap

SCHEMA = "kafka string, topic string, partition int, first long, end long"
"""The columns of a range: the bootstrap servers, where it is, and its first offset and the one after its last."""

NAMES = [column.split()[0] for column in SCHEMA.split(", ")]

FIELDS = pa.schema(
    {
        "key": pa.binary(),
        "value": pa.binary(),
        "partition": pa.int32(),
        "offset": pa.int64(),
        "timestamp": pa.timestamp("us", "UTC"),
    }
)
"""A record's columns, as the connector has them."""

AT_ONCE = 4_000
"""The records that are handed on at a time: few enough for the processor's cache, which saves a quarter of the time."""

SECONDS = 60.0
"""Seconds for which Kafka may be silent."""

POLL_SECONDS = 0.5

OPTIONS: dict[str, object] = {
    "auto.offset.reset": "error",
    "reconnect.backoff.max.ms": 1000,
    **consumer.MANY,
}
"""Read fast, and not elsewhere than asked."""


class Range(NamedTuple):
    """The records of a partition from an offset on up to another."""

    partition: int
    first: int
    end: int


def of_batch(files: Files, topic: str, batch: int) -> list[Range]:
    """Offset ranges of a batch of the query with the checkpoint in the folder, less those skipped by the query's note.

    Raises:
        LostRecordsError: when a partition ends before its beginning, or is gone.
    """
    missing = {gap.partition: gap.end for gap in lost_of_batch(files, batch)}
    spans = (span._replace(first=missing.get(span.partition, span.first)) for span in _planned(files, topic, batch))
    return [span for span in spans if span.first < span.end]


def lost_of_batch(files: Files, batch: int) -> list[OffsetGap]:
    """Offset ranges that a batch cannot read any more, by the query's note."""
    if not files.exists(lost_records.NOTE):
        return []
    note = lost_records.decode_skip_note(files.read(lost_records.NOTE))
    found = (note.gap(*span) for span in _planned(files, note.topic, batch))
    return [gap for gap in found if gap]


def _planned(files: Files, topic: str, batch: int) -> list[Range]:
    """End offsets that Spark wrote down before a batch."""
    ends = checkpoint_progress.parse_offsets(files.read(f"checkpoint/offsets/{batch}"), topic)
    if batch:
        begins = checkpoint_progress.parse_offsets(files.read(f"checkpoint/offsets/{batch - 1}"), topic)
    else:
        begins = _initial(files.read("checkpoint/sources/0/0"), topic)
    return ranges_between(topic, begins, ends)


def ranges_between(topic: str, begins: checkpoint_progress.Offsets, ends: checkpoint_progress.Offsets) -> list[Range]:
    """The ranges that are not empty; a partition that is new begins at 0.

    Raises:
        LostRecordsError: when a partition ends before its beginning, or is gone.
    """
    if gone := [number for number, begin in begins.items() if ends.get(number, -1) < begin]:
        raise LostRecordsError(
            f"{topic} has not got the records of its partitions {sorted(gone)} any more that were read before: was the "
            f"topic created again? It was read up to {dict(begins)}, and ends at {dict(ends)}"
        )
    spans = [Range(number, begins.get(number, 0), end) for number, end in sorted(ends.items())]
    return [span for span in spans if span.first < span.end]


def _initial(content: bytes, topic: str) -> Mapping[int, int]:
    """The offsets at which the query began; Spark writes a version before them."""
    offsets = json.loads(content[content.index(b"{") :])
    return {int(number): offset for number, offset in offsets[topic].items()}


def ranges_frame(spark: SparkSession, kafka: str, topic: str, spans: list[Range]) -> DataFrame:
    """The ranges as rows of SCHEMA, a partition each."""
    if not spans:
        return spark.createDataFrame([], SCHEMA)
    literals = [F.struct(*(F.lit(value).alias(name) for name, value in span._asdict().items())) for span in spans]
    numbered = spark.range(0, len(spans), 1, len(spans)).select(F.array(*literals)[F.col("id")].alias("span"))
    return numbered.select(F.lit(kafka).alias("kafka"), F.lit(topic).alias("topic"), "span.*")


def read_range(kafka: str, topic: str, partition: int, first: int, end: int) -> Iterator[pa.RecordBatch]:
    """The committed records of a range in their order, as rows of FIELDS.

    Raises:
        LostRecordsError: when Kafka has not got its first record.
        KafkaException: when Kafka fails or is silent for SECONDS.
    """
    reader = Consumer(consumer.consumer_configuration(kafka, "jobs") | OPTIONS)
    try:
        reader.assign([TopicPartition(topic, partition, first)])
        at, silent_since = first, monotonic()
        while at < end:
            messages = reader.consume(min(AT_ONCE, end - at), POLL_SECONDS)
            if not messages and monotonic() - silent_since > SECONDS:
                raise KafkaException(
                    KafkaError(KafkaError._TIMED_OUT, f"Kafka gave nothing of {topic}-{partition} from {at} to {end}")
                )
            if messages:
                silent_since = monotonic()
                at = _reached(messages[-1])
                yield _rows(_records(messages, end), partition)
    except KafkaException as error:
        if error.args[0].code() in {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}:
            raise LostRecordsError(
                f"{topic}-{partition} has no record {first} any more: it was not read before Kafka's retention ended"
            ) from error
        raise
    finally:
        reader.close()


def _reached(message: Message) -> int:
    """The offset after a message, or the partition's end if it says so."""
    offset = message.offset()
    assert offset is not None
    return offset if message.error() else offset + 1


def _records(messages: list[Message], end: int) -> list[Message]:
    """The records before that offset.

    Raises:
        KafkaException: when one of the messages tells an error.
    """
    last = messages[-1]
    if errors := [message for message in messages if message.error()]:
        for message in errors:
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
        messages = [message for message in messages if not message.error()]
    if _reached(last) > end:
        messages = [message for message in messages if (message.offset() or 0) < end]
    return messages


def _rows(records: list[Message], partition: int) -> pa.RecordBatch:
    milliseconds = np.array([record.timestamp()[1] for record in records], np.int64)
    columns = [
        pa.array([record.key() for record in records], pa.binary()),
        pa.array([record.value() for record in records], pa.binary()),
        np.full(len(records), partition, np.int32),
        np.array([record.offset() for record in records], np.int64),
        pa.array(milliseconds * 1000, FIELDS.field("timestamp").type),
    ]
    return pa.RecordBatch.from_arrays([pa.array(column) for column in columns], schema=FIELDS)
