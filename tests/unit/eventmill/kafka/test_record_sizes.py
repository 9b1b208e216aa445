"""Each step of a record's way has room for what the one before takes, and the engines' files say the same."""

from __future__ import annotations

import re

import pytest

from eventmill.config.settings import ROOT
from eventmill.kafka import producer, topics
from eventmill.kafka.record_sizes import RECORD_BYTES, REQUEST_BYTES, RESULT_BYTES, is_too_long
from eventmill.spark.configuration import kafka_sink
from tests.support import settings


@pytest.mark.parametrize(
    ("file", "option", "size"),
    [
        ("kafka/conf/server.properties", "message.max.bytes", RESULT_BYTES),
        ("kafka/conf/server.properties", "replica.fetch.max.bytes", RESULT_BYTES),
        ("mirrormaker/conf/mirrormaker.properties", "ours.producer.max.request.size", REQUEST_BYTES),
    ],
)
def test_the_engines_files_say_the_same(file: str, option: str, size: int) -> None:
    assert re.findall(rf"^{re.escape(option)}=([0-9]+)$", (ROOT / "engines" / file).read_text(), re.M) == [str(size)]


def test_every_producer_sends_what_any_topic_takes() -> None:
    largest = max(int(topic.config["max.message.bytes"]) for topic in topics.declared(settings()))
    assert RECORD_BYTES < largest < REQUEST_BYTES
    assert producer.producer_configuration(settings(), "a")["message.max.bytes"] == REQUEST_BYTES
    assert kafka_sink(settings(), "a")["kafka.max.request.size"] == str(REQUEST_BYTES)


def test_a_record_is_too_long_with_its_key() -> None:
    assert not is_too_long(None, None)
    assert not is_too_long(b"k" * 1_060_000, b"v" * 140_000)
    assert is_too_long(b"k" * 1_060_000, b"v" * 140_001)
