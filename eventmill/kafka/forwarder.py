"""The forwarder: which cluster it copies visits from, and how far it has come.

MirrorMaker (`engines/mirrormaker`) copies FORWARD_TOPIC of the source cluster to VISITS_TOPIC in ours. Each of its
transactions has the records and, in `OFFSETS_TOPIC`, the source's offset of the last of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from eventmill.config.errors import EventmillError
from eventmill.config.settings import Settings
from eventmill.kafka import producer, topic_reader, topics
from eventmill.kafka.record_sizes import RECORD_BYTES
from eventmill.kafka.topic_reader import OffsetRange

OFFSETS_TOPIC = "mm2-offsets.source.internal"
"""Topic of Kafka Connect's offsets of the cluster that `mirrormaker.properties` calls `source`."""
COUNTED = 1000
"""So few offsets behind, the records are counted: an offset may hold none."""


class ForwardError(EventmillError):
    """The source cluster cannot be asked; the message says why and what to do."""


@dataclass(frozen=True)
class Copied:
    """Progress of one partition: source offsets copied before `copied`, of those before `end`; `lag` are records."""

    partition: int
    copied: int
    end: int
    lag: int


def source_configuration(settings: Settings) -> dict[str, object]:
    """The options of librdkafka for a producer to the source cluster."""
    return source_login(settings) | producer.SHARED


def source_login(settings: Settings) -> dict[str, object]:
    """The options of librdkafka for any client of the source cluster."""
    return {
        "bootstrap.servers": settings.forward_source,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": settings.forward_mechanism,
        "sasl.username": settings.forward_user,
        "sasl.password": settings.forward_password,
    }


def login(settings: Settings) -> dict[str, Any]:
    """The same for kafka-python, which administers the cluster."""
    return {
        "bootstrap_servers": settings.forward_source,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": settings.forward_mechanism,
        "sasl_plain_username": settings.forward_user,
        "sasl_plain_password": settings.forward_password,
    }


@contextmanager
def _asking(settings: Settings) -> Iterator[None]:
    """Errors of the source cluster's client as one that names that cluster."""
    from confluent_kafka import KafkaException
    from kafka.errors import KafkaError

    try:
        yield
    except (KafkaError, KafkaException) as error:
        raise ForwardError(
            f"the source cluster at {settings.forward_source} does not answer ({error}): does it run, are "
            "FORWARD_BOOTSTRAP, FORWARD_MECHANISM, FORWARD_USER and FORWARD_PASSWORD right?"
        ) from error


def apply_topics(settings: Settings) -> None:
    """Make what the forwarder needs: the topics of our cluster, and its topic in the demo's source cluster.

    Somebody else's cluster is left as it is.
    """
    topics.apply_topics(settings)
    if settings.forward_bootstrap:
        return
    name = settings.forward_topic
    with _asking(settings), topics.administration(settings, **login(settings)) as client:
        if name not in topics.existing(client):
            # No more than the topic takes that it is copied to.
            most = topics.takes(RECORD_BYTES)
            options = {"num_partitions": settings.visits_partitions, "replication_factor": 1, "configs": most}
            client.create_topics({name: options}, wait_for_metadata=True)


def forwarder_status(settings: Settings) -> list[Copied]:
    """Copy progress of each partition of the source's topic.

    Raises:
        ForwardError: when the source cluster does not answer, or has no such topic.
    """
    done = _copied(settings)
    with _asking(settings), topic_reader.consumer(settings, **source_login(settings)) as client:
        try:
            held = topic_reader.offset_ranges(client, settings.forward_topic)
        except topic_reader.TopicError as error:
            raise ForwardError(
                f"the source cluster at {settings.forward_source} has no topic {settings.forward_topic!r}; "
                "name one of its topics in FORWARD_TOPIC"
            ) from error
        left = {
            partition: OffsetRange(max(done.get(partition, 0), bounds.first), bounds.end)
            for partition, bounds in held.items()
        }
        lags = _lags(client, settings.forward_topic, left)
    return [
        Copied(partition, done.get(partition, 0), bounds.end, lags[partition]) for partition, bounds in held.items()
    ]


def lag(settings: Settings) -> int:
    """Number of the source's records that are not copied yet.

    Raises:
        ForwardError: as `forwarder_status`.
    """
    return sum(part.lag for part in forwarder_status(settings))


def _lags(client: Any, topic: str, left: Mapping[int, OffsetRange]) -> dict[int, int]:
    """Number of records left in each partition; as many as offsets, where there are too many to count."""
    lags = {partition: max(0, bounds.end - bounds.first) for partition, bounds in left.items()}
    few = {partition: left[partition] for partition, offsets in lags.items() if 0 < offsets <= COUNTED}
    lags |= dict.fromkeys(few, 0)
    for record in topic_reader.records_between(client, topic, few):
        lags[record.partition] += 1
    return lags


def _copied(settings: Settings) -> dict[int, int]:
    """The offset after the last one copied, by partition, as our cluster has it; none before the first transaction."""
    with topic_reader.consumer(settings) as client:
        try:
            held = topic_reader.offset_ranges(client, OFFSETS_TOPIC)
        except topic_reader.TopicError:
            return {}
        return positions(topic_reader.records_between(client, OFFSETS_TOPIC, held), settings.forward_topic)


def positions(records: Iterable[Any], topic: str) -> dict[int, int]:
    """The offset after the last one copied, by partition, from Kafka Connect's records in their order.

    A record without a value takes back what was said of its partition.
    """
    copied: dict[int, int] = {}
    for record in records:
        source = json.loads(record.key)[1]
        if source.get("topic") != topic:
            continue
        copied.pop(source["partition"], None)
        if record.value is not None:
            copied[source["partition"]] = json.loads(record.value)["offset"] + 1
    return copied
