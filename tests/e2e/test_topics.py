"""Topics of a real Kafka: the broker's time on every record, and every compression read."""

from __future__ import annotations

from datetime import UTC, datetime

from confluent_kafka import Producer
from kafka.admin import ConfigResource, ConfigResourceType

from eventmill.config.polling import until
from eventmill.config.settings import Settings
from eventmill.kafka import topic_reader, topics
from ops.stack.isolated_stack import IsolatedStack

TOPIC = "any-clock"
CLOCKS = {"none": 2001, "gzip": 2012, "snappy": 2020, "lz4": 2040, "zstd": 2090}
"""A compression each, and the year that its producer's clock shows."""


def differs(settings: Settings) -> dict[str, str]:
    """The topic's configuration in Kafka where it is not as declared."""
    declared = [topic for topic in topics.declared(settings) if topic.name == TOPIC]
    with topics.administration(settings) as client:
        return topics.config_differences(client, declared)[TOPIC]


def milliseconds(year: int) -> int:
    """The beginning of a year."""
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000)


def test_a_topic_of_an_earlier_release_gets_the_brokers_time_whatever_clock_producers_have(
    doors: IsolatedStack,
) -> None:
    settings = doors.settings.model_copy(update={"game_topic": TOPIC})
    assert topics.apply_topics(settings)[TOPIC] == f"made with {settings.game_partitions} partitions"
    with topics.administration(settings) as client:
        created = {"message.timestamp.type": "CreateTime"}
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, TOPIC, created)])
    until(lambda: differs(settings) == created, 30, "the topic does not have the old configuration")
    assert topics.apply_topics(settings)[TOPIC].endswith("message.timestamp.type set to LogAppendTime (was CreateTime)")
    until(lambda: not differs(settings), 30, "the topic does not have the new configuration")

    begin = datetime.now(UTC).timestamp() * 1000
    for codec, year in CLOCKS.items():
        producer = Producer({"bootstrap.servers": settings.kafka_bootstrap, "compression.type": codec})
        for _ in range(100):
            producer.produce(TOPIC, codec.encode() * 50, codec, timestamp=milliseconds(year))
        assert producer.flush(60) == 0
    with topic_reader.consumer(settings) as consumer:
        records = list(topic_reader.records_between(consumer, TOPIC, topic_reader.offset_ranges(consumer, TOPIC)))
    assert {codec: sum(r.key == codec.encode() for r in records) for codec in CLOCKS} == dict.fromkeys(CLOCKS, 100)
    assert all(begin - 1000 <= record.timestamp <= begin + 60_000 for record in records)
