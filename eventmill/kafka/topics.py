"""The Kafka topics of every pipeline, declared once, and how they are made."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from eventmill.config.settings import Settings, SettingsError
from eventmill.contracts.events import (
    CartTimedOut,
    Event,
    GameEvent,
    OrderEvent,
    OrderView,
    PageLog,
    ProductView,
    UserAction,
)
from eventmill.kafka.record_sizes import RECORD_BYTES, RESULT_BYTES


@dataclass(frozen=True)
class Topic:
    """One topic.

    Attributes:
        partitions: their number, which the setting of the pipeline decides that is named in `setting`.
        key: the field that keys its records.
        config: its settings in Kafka.
        contract: what its records are; None for rejected ones, which are anything.
        taken: whether the API takes events for it; what the shop, the forwarder or the jobs write, it does not.
    """

    name: str
    partitions: int
    key: str
    about: str
    config: dict[str, str] = field(default_factory=dict)
    contract: type[Event] | None = None
    setting: str = ""
    taken: bool = True


def rejected(topic: str) -> str:
    """The name of the topic that takes the rejected records of `topic`."""
    return f"{topic}.rejected"


def declared(settings: Settings) -> tuple[Topic, ...]:
    """Every topic of the platform with the names and partitions that are set."""
    clicks = ("clicks", "userid", "product views of the shop", ProductView)
    game = ("game", "Host", "what players of the game do", GameEvent)
    carts = ("carts", "userid", "what shoppers do", UserAction)
    orders = ("orders", "userid", "orders of the shop", OrderEvent)
    views = ("order_views", "orderid", "looks at orders that are not delivered", OrderView)
    visits = ("visits", "device_id", "looks at product pages, as other shops log them", PageLog)
    sources = (topic for pipeline in (clicks, game, carts, orders) for topic in _of_pipeline(settings, *pipeline))
    others = (
        replace(topic, taken=False) for pipeline in (views, visits) for topic in _of_pipeline(settings, *pipeline)
    )
    return (*sources, *others, *_results(settings))


def _results(settings: Settings) -> tuple[Topic, ...]:
    """The topics that the jobs write to."""
    partitions, config = settings.carts_partitions, _config(settings, RESULT_BYTES)
    by_user = (partitions, "userid")
    added = Topic(settings.carts_abandoned_topic, *by_user, "products put into carts", config, UserAction)
    over = Topic(settings.carts_timed_out_topic, *by_user, "carts whose time was over", config, CartTimedOut)
    return tuple(replace(topic, setting="CARTS_PARTITIONS", taken=False) for topic in (added, over))


def _of_pipeline(
    settings: Settings, pipeline: str, key: str, about: str, contract: type[Event] | None
) -> tuple[Topic, Topic]:
    """A pipeline's topic and that of its rejected records."""
    name, partitions = getattr(settings, f"{pipeline}_topic"), getattr(settings, f"{pipeline}_partitions")
    return (
        Topic(
            name, partitions, key, about, _config(settings, RECORD_BYTES), contract, f"{pipeline}_partitions".upper()
        ),
        Topic(
            rejected(name),
            1,
            "as came",
            f"{about}: what breaks the contract",
            {**_config(settings, RESULT_BYTES), "retention.ms": "-1"},
        ),
    )


def takes(record_bytes: int) -> dict[str, str]:
    """The configuration of a topic whose largest record has so many bytes, with its key and headers."""
    return {"max.message.bytes": str(record_bytes)}


def _config(settings: Settings, record_bytes: int) -> dict[str, str]:
    """The configuration of a topic of ours with records of at most so many bytes.

    Two replicas must have a record before it counts as written, where there is more than one broker. A record's time is
    that of the broker which appended it: retention, lateness and idle partitions follow it, and no sender's clock.
    """
    return {
        "min.insync.replicas": str(min(2, settings.kafka_replication_factor)),
        "message.timestamp.type": "LogAppendTime",
        **takes(record_bytes),
    }


def collected(settings: Settings) -> dict[str, Topic]:
    """The topics that the API takes events for, by the name of their contract."""
    return {topic.contract.__name__: topic for topic in declared(settings) if topic.contract and topic.taken}


def names(settings: Settings) -> tuple[str, ...]:
    """The names of the declared topics."""
    return tuple(topic.name for topic in declared(settings))


@contextmanager
def administration(settings: Settings, **cluster: Any) -> Iterator[Any]:
    """A client for Kafka's administration, closed at the end; `cluster` as for `topic_reader.consumer`."""
    from kafka import KafkaAdminClient

    options = {"bootstrap_servers": settings.kafka_bootstrap, "bootstrap_timeout_ms": 10_000}
    client = KafkaAdminClient(**(options | cluster))
    try:
        yield client
    finally:
        client.close()


def existing(client: Any) -> dict[str, int]:
    """Each topic that Kafka has with its number of partitions."""
    return {topic["name"]: len(topic["partitions"]) for topic in client.describe_topics()}


def config_differences(client: Any, topics: Collection[Topic]) -> dict[str, dict[str, str]]:
    """The settings of topics that have another value in Kafka than is declared, with that value, by topic."""
    from kafka.admin import ConfigResource, ConfigResourceType

    if not topics:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic.name, topic.config) for topic in topics]
    (found,) = client.describe_configs(asked, config_filter="all").values()
    return {
        topic.name: {
            name: found[topic.name][name]["value"]
            for name, value in topic.config.items()
            if found[topic.name][name]["value"] != value
        }
        for topic in topics
    }


def apply_topics(settings: Settings) -> dict[str, str]:
    """Make the topics that are missing, add partitions and change the configuration of the others as it is declared.

    Returns what was done, by topic.

    Raises:
        SettingsError: when a topic already has more partitions than are set, for Kafka cannot take them away.
    """
    topics = declared(settings)
    with administration(settings) as client:
        has = existing(client)
        _refuse_fewer(topics, has)
        other = config_differences(client, [topic for topic in topics if topic.name in has])
        done = {topic.name: _apply(client, topic, has.get(topic.name, 0), settings) for topic in topics}
        _change(client, [topic for topic in topics if other.get(topic.name)])
    return {topic.name: ", ".join((done[topic.name], *_changes(topic, other.get(topic.name, {})))) for topic in topics}


def _refuse_fewer(topics: tuple[Topic, ...], has: dict[str, int]) -> None:
    for topic in topics:
        if has.get(topic.name, 0) > topic.partitions:
            raise SettingsError(
                f"topic {topic.name} has {has[topic.name]} partitions and Kafka cannot take any away: "
                f"set {topic.setting} to {has[topic.name]} or more instead of {topic.partitions}"
            )


def _apply(client: Any, topic: Topic, partitions: int, settings: Settings) -> str:
    if not partitions:
        client.create_topics({topic.name: _options(topic, settings)}, wait_for_metadata=True)
        return f"made with {_count(topic.partitions)}"
    if partitions < topic.partitions:
        client.create_partitions({topic.name: topic.partitions})
        return f"raised from {partitions} to {_count(topic.partitions)}"
    return f"there already with {_count(partitions)}"


def _change(client: Any, topics: Collection[Topic]) -> None:
    """Give topics their declared configuration; what is not declared stays.

    Raises:
        SettingsError: when Kafka refuses, with its reason.
    """
    from kafka.admin import ConfigResource, ConfigResourceType

    if not topics:
        return
    wanted = [ConfigResource(ConfigResourceType.TOPIC, topic.name, dict(topic.config)) for topic in topics]
    (answers,) = client.alter_configs(wanted).values()
    refused = [f"the configuration of {name} cannot be set: {why}" for name, why in answers.items() if why != "OK"]
    if refused:
        raise SettingsError("; ".join(refused))


def _changes(topic: Topic, before: dict[str, str]) -> list[str]:
    """The changes of a topic's configuration in words."""
    return [f"{name} set to {topic.config[name]} (was {value})" for name, value in before.items()]


def _options(topic: Topic, settings: Settings) -> dict[str, Any]:
    return {
        "num_partitions": topic.partitions,
        "replication_factor": settings.kafka_replication_factor,
        "configs": topic.config,
    }


def _count(partitions: int) -> str:
    return "1 partition" if partitions == 1 else f"{partitions} partitions"
