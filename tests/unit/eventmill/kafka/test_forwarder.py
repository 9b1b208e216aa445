"""How far the forwarder has come, from Kafka Connect's records and the source's ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from eventmill.config import settings
from eventmill.config.settings import Settings
from eventmill.kafka import forwarder, topic_reader, topics
from eventmill.kafka.forwarder import COUNTED, Copied, ForwardError
from eventmill.kafka.topic_reader import OffsetRange, TopicError
from ops.cli import kafka
from ops.cli.display import OutputFormat
from ops.stack import provisioning
from tests.support import settings as given

TOPIC = "product-views"


def offset(partition: int, at: int | None, topic: str = TOPIC) -> SimpleNamespace:
    """A record of Kafka Connect's topic of offsets; None takes the partition's offset back."""
    key = ["MirrorSourceConnector", {"cluster": "source", "partition": partition, "topic": topic}]
    value = None if at is None else json.dumps({"offset": at}).encode()
    return SimpleNamespace(key=json.dumps(key).encode(), value=value)


def test_the_last_record_of_a_partition_says_how_far_it_is_copied() -> None:
    records = [offset(0, 4), offset(1, 0), offset(0, 9)]
    assert forwarder.positions(records, TOPIC) == {0: 10, 1: 1}


def test_an_offset_that_was_taken_back_counts_no_more() -> None:
    assert forwarder.positions([offset(0, 4), offset(1, 3), offset(0, None)], TOPIC) == {1: 4}


def test_offsets_of_another_topic_are_not_ours() -> None:
    assert forwarder.positions([offset(0, 4, "other"), offset(0, 2)], TOPIC) == {0: 3}


class Clusters:
    """Takes the place of both clusters: `held` is the source's topic, `copied` what ours has of its offsets."""

    def __init__(self, held: dict[int, OffsetRange], copied: list[Any], silent: int = 0) -> None:
        self.held, self.copied, self.silent = held, copied, silent
        self.read: list[dict[int, OffsetRange]] = []

    @contextmanager
    def consumer(self, _: Settings, **cluster: Any) -> Iterator[str]:
        """As the reader's; the client is the name of its cluster."""
        yield "source" if cluster else "ours"

    def offset_ranges(self, client: str, topic: str) -> dict[int, OffsetRange]:
        """As the reader's."""
        if client == "source" and self.held:
            return self.held
        if client == "ours" and self.copied:
            return {0: OffsetRange(0, len(self.copied))}
        raise TopicError(topic)

    def records_between(self, client: str, _: str, limits: dict[int, OffsetRange]) -> Iterator[Any]:
        """As the reader's; the last `silent` offsets hold no record."""
        if client == "ours":
            yield from self.copied
            return
        self.read.append(limits)
        for partition, held in limits.items():
            yield from (SimpleNamespace(partition=partition) for _ in range(held.first, held.end - self.silent))


@pytest.fixture
def clusters(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Clusters]:
    """Makes both clusters."""

    def make(*arguments: Any, **options: Any) -> Clusters:
        made = Clusters(*arguments, **options)
        for name in ("consumer", "offset_ranges", "records_between"):
            monkeypatch.setattr(topic_reader, name, getattr(made, name))
        return made

    return make


def test_status_tells_each_partition(clusters: Callable[..., Clusters]) -> None:
    clusters({0: OffsetRange(0, 10), 1: OffsetRange(0, 7)}, [offset(0, 9), offset(1, 3)])
    assert forwarder.forwarder_status(given()) == [Copied(0, 10, 10, 0), Copied(1, 4, 7, 3)]


def test_the_end_of_a_transaction_is_no_record_that_is_left(clusters: Callable[..., Clusters]) -> None:
    clusters({0: OffsetRange(0, 10)}, [offset(0, 8)], silent=1)
    assert forwarder.forwarder_status(given()) == [Copied(0, 9, 10, 0)]


def test_what_the_source_has_removed_is_not_left(clusters: Callable[..., Clusters]) -> None:
    clusters({0: OffsetRange(6, 10)}, [offset(0, 1)])
    assert forwarder.forwarder_status(given()) == [Copied(0, 2, 10, 4)]


def test_before_the_first_copy_all_is_left(clusters: Callable[..., Clusters]) -> None:
    clusters({0: OffsetRange(0, 3)}, [])
    assert forwarder.forwarder_status(given()) == [Copied(0, 0, 3, 3)]


def test_many_are_not_counted_one_by_one(clusters: Callable[..., Clusters]) -> None:
    made = clusters({0: OffsetRange(0, COUNTED + 1)}, [], silent=1)
    assert forwarder.forwarder_status(given()) == [Copied(0, 0, COUNTED + 1, COUNTED + 1)]
    assert made.read == [{}]


def test_a_topic_that_the_source_does_not_have_is_named(clusters: Callable[..., Clusters]) -> None:
    clusters({}, [])
    with pytest.raises(ForwardError, match="has no topic 'views'; name one of its topics in FORWARD_TOPIC"):
        forwarder.forwarder_status(given(forward_topic="views"))


def test_a_source_that_is_away_is_named(clusters: Callable[..., Clusters], monkeypatch: pytest.MonkeyPatch) -> None:
    clusters({}, [])

    def away(_: str, topic: str) -> dict[int, OffsetRange]:
        if topic == TOPIC:
            raise KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN))
        return {}

    monkeypatch.setattr(topic_reader, "offset_ranges", away)
    with pytest.raises(ForwardError, match="source cluster at shop:9,lab:9 does not answer"):
        forwarder.forwarder_status(given(forward_bootstrap="shop:9,lab:9"))


def test_a_client_of_the_source_logs_in_as_is_set() -> None:
    values = given(forward_bootstrap="shop:9", forward_mechanism="SCRAM-SHA-512", forward_user="me")
    options = forwarder.source_configuration(values)
    assert options["bootstrap.servers"] == "shop:9"
    assert (options["security.protocol"], options["sasl.mechanism"]) == ("SASL_PLAINTEXT", "SCRAM-SHA-512")
    assert (options["sasl.username"], options["sasl.password"]) == ("me", values.forward_password)


class Administration:
    """Takes the place of both clusters' administration: keeps which topics are asked for, where."""

    def __init__(self, has: tuple[str, ...]) -> None:
        self.has, self.made = has, list[str]()

    def describe_topics(self) -> list[dict[str, Any]]:
        """As the client's own."""
        return [{"name": name, "partitions": [{}]} for name in self.has]

    def create_topics(self, new: dict[str, Any], **_: Any) -> None:
        """As the client's own."""
        self.made.extend(new)


def applied(monkeypatch: pytest.MonkeyPatch, has: tuple[str, ...] = (), **values: Any) -> list[str]:
    """The topics that are made in the source cluster."""
    source = Administration(has)

    @contextmanager
    def administration(_: Settings, **cluster: Any) -> Iterator[Administration]:
        assert cluster
        yield source

    monkeypatch.setattr(topics, "apply_topics", lambda _: {})
    monkeypatch.setattr(topics, "administration", administration)
    provisioning.before(given(**values), "forwarder")
    return source.made


def test_the_demos_source_gets_its_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    assert applied(monkeypatch, forward_topic="views") == ["views"]


def test_a_topic_that_is_there_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert applied(monkeypatch, has=(TOPIC,)) == []


def test_somebody_elses_cluster_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert applied(monkeypatch, forward_bootstrap="shop:9") == []


@pytest.mark.parametrize("shape", list(OutputFormat))
def test_the_command_shows_all_partitions(
    shape: OutputFormat, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(settings, "load", given)
    monkeypatch.setattr(forwarder, "forwarder_status", lambda _: [Copied(0, 4, 7, 3), Copied(1, 5, 6, 1)])
    kafka.status(shape)
    shown = capsys.readouterr().out
    if shape is OutputFormat.json:
        assert json.loads(shown)[0] == {"partition": 0, "copied": 4, "end": 7, "lag": 3}
    else:
        assert "all" in shown
        assert shown.count("│ 4 ") == 2
