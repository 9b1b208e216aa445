"""The declared topics, and what making them does for each state that Kafka can be in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from eventmill.config.settings import Settings, SettingsError
from eventmill.kafka import topics
from eventmill.kafka.record_sizes import RECORD_BYTES, RESULT_BYTES
from tests.support import settings

THERE = {
    "clicks": 4,
    "clicks.rejected": 1,
    "events": 4,
    "events.rejected": 1,
    "user-actions": 4,
    "user-actions.rejected": 1,
    "orders": 4,
    "orders.rejected": 1,
    "order-views": 4,
    "order-views.rejected": 1,
    "page-logs": 4,
    "page-logs.rejected": 1,
    "carts.abandoned": 4,
    "carts.timed-out": 4,
}


class Recorder:
    """Takes Kafka's place: knows some topics and keeps what it is asked to do."""

    def __init__(self, has: dict[str, int]) -> None:
        self.has = has
        self.config: dict[str, dict[str, str]] = {}
        self.answer = "OK"
        self.asked: list[tuple[str, Any]] = []

    def describe_topics(self) -> list[dict[str, Any]]:
        """As the client's own."""
        return [{"name": name, "partitions": [{}] * number} for name, number in self.has.items()]

    def create_topics(self, new: dict[str, Any], wait_for_metadata: bool = False) -> None:
        """As the client's own."""
        self.asked.append(("create", new))

    def create_partitions(self, more: dict[str, int]) -> None:
        """As the client's own."""
        self.asked.append(("raise", more))

    def describe_configs(self, resources: list[Any], config_filter: str) -> dict[str, dict[str, dict[str, Any]]]:
        """As the client's own; what `config` does not tell is as it is asked for."""
        found: dict[str, dict[str, Any]] = {}
        for each in resources:
            values = each.configs | self.config.get(each.name, {})
            found[each.name] = {name: {"value": values[name]} for name in each.configs}
        return {"topic": found} if config_filter == "all" else {}

    def alter_configs(self, resources: list[Any]) -> dict[str, dict[str, str]]:
        """As the client's own."""
        self.asked.append(("alter", {each.name: each.configs for each in resources}))
        return {"topic": {each.name: self.answer for each in resources}}


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """A Kafka without topics."""
    recorder = Recorder({})

    @contextmanager
    def administration(_: Settings) -> Iterator[Recorder]:
        yield recorder

    monkeypatch.setattr(topics, "administration", administration)
    return recorder


def test_names_and_partitions_come_from_the_settings() -> None:
    first, second, *_ = topics.declared(settings(clicks_topic="views", clicks_partitions=7))
    assert (first.name, first.partitions, first.key) == ("views", 7, "userid")
    assert second.name == topics.rejected("views") == "views.rejected"


def test_rejected_records_are_kept_for_ever() -> None:
    assert topics.declared(settings())[1].config["retention.ms"] == "-1"


@pytest.mark.parametrize(("copies", "least"), [(1, "1"), (2, "2"), (3, "2"), (5, "2")])
def test_a_second_copy_is_asked_for_where_there_can_be_one(copies: int, least: str) -> None:
    for topic in topics.declared(settings(kafka_replication_factor=copies)):
        assert topic.config["min.insync.replicas"] == least


def test_missing_topics_are_made(kafka: Recorder) -> None:
    made = {1: "made with 1 partition", 4: "made with 4 partitions"}
    assert topics.apply_topics(settings()) == {name: made[partitions] for name, partitions in THERE.items()}
    (_, new), *_ = kafka.asked
    assert new["clicks"]["num_partitions"] == 4
    assert new["clicks"]["replication_factor"] == 1


def test_topics_that_are_there_stay_as_they_are(kafka: Recorder) -> None:
    kafka.has |= THERE | {"other": 9}
    done = topics.apply_topics(settings())
    assert done["clicks"] == "there already with 4 partitions"
    assert done["clicks.rejected"] == "there already with 1 partition"
    assert kafka.asked == []


def test_partitions_are_raised(kafka: Recorder) -> None:
    kafka.has |= THERE
    assert topics.apply_topics(settings(clicks_partitions=6))["clicks"] == "raised from 4 to 6 partitions"
    assert kafka.asked == [("raise", {"clicks": 6})]


def test_settings_of_topics_that_are_there_are_changed(kafka: Recorder) -> None:
    kafka.has |= THERE
    kafka.config = {"clicks": {"max.message.bytes": "1048588"}, "events.rejected": {"retention.ms": "604800000"}}
    done = topics.apply_topics(settings())
    assert done["clicks"] == "there already with 4 partitions, max.message.bytes set to 1200000 (was 1048588)"
    assert done["events"] == "there already with 4 partitions"
    ((_, altered),) = kafka.asked
    assert altered.keys() == {"clicks", "events.rejected"}
    assert altered["clicks"]["max.message.bytes"] == "1200000"
    assert altered["events.rejected"]["retention.ms"] == "-1"


def test_what_takes_other_topics_records_has_room_for_more_headers() -> None:
    limits = {topic.name: int(topic.config["max.message.bytes"]) for topic in topics.declared(settings())}
    results = {name for name in limits if name.endswith(".rejected") or name.startswith("carts.")}
    assert {limits[name] for name in results} == {RESULT_BYTES}
    assert {limits[name] for name in limits.keys() - results} == {RECORD_BYTES}


def test_fewer_partitions_are_refused_before_anything_is_done(kafka: Recorder) -> None:
    kafka.has |= {"clicks": 6}
    with pytest.raises(SettingsError, match="set CLICKS_PARTITIONS to 6 or more instead of 4"):
        topics.apply_topics(settings())
    assert kafka.asked == []


def test_records_of_all_topics_get_the_brokers_time() -> None:
    for topic in topics.declared(settings()):
        assert topic.config["message.timestamp.type"] == "LogAppendTime"


def test_topics_of_another_configuration_get_the_declared_one(kafka: Recorder) -> None:
    kafka.has |= THERE
    kafka.config["page-logs"] = {"message.timestamp.type": "CreateTime"}
    kafka.config["page-logs.rejected"] = {"message.timestamp.type": "CreateTime", "retention.ms": "604800000"}
    done = topics.apply_topics(settings())
    assert done["page-logs"] == (
        "there already with 4 partitions, message.timestamp.type set to LogAppendTime (was CreateTime)"
    )
    assert done["page-logs.rejected"].endswith("retention.ms set to -1 (was 604800000)")
    assert done["clicks"] == "there already with 4 partitions"
    ((kind, changed),) = kafka.asked
    assert (kind, set(changed)) == ("alter", {"page-logs", "page-logs.rejected"})
    assert changed["page-logs"] == {
        "min.insync.replicas": "1",
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": "1200000",
    }


def test_a_configuration_that_kafka_refuses_is_told(kafka: Recorder) -> None:
    kafka.has |= THERE
    kafka.config["clicks"] = {"message.timestamp.type": "CreateTime"}
    kafka.answer = "not authorized"
    with pytest.raises(SettingsError, match="the configuration of clicks cannot be set: not authorized"):
        topics.apply_topics(settings())
