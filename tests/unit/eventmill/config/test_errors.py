"""Errors become one sentence, and only those that were foreseen."""

from __future__ import annotations

import pytest
import requests
from confluent_kafka import KafkaError, KafkaException
from kafka.errors import KafkaTimeoutError
from mysql.connector.errors import DatabaseError
from thrift.transport.TTransport import TTransportException

from eventmill.config import errors
from eventmill.config.settings import SettingsError


def test_an_error_of_our_own_speaks_for_itself() -> None:
    assert errors.explain(SettingsError("setting KAFKA_PORT: is wrong")) == "setting KAFKA_PORT: is wrong"


@pytest.mark.parametrize(
    ("error", "start"),
    [
        (KafkaTimeoutError("no bootstrap"), "Kafka: "),
        (KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN)), "Kafka: Local: All broker connections are down"),
        (DatabaseError("gone"), "MySQL: "),
        (TTransportException(message="refused"), "HiveServer2: refused"),
        (requests.ConnectionError("no route"), "no route"),
        (ConnectionRefusedError(111, "Connection refused"), "[Errno 111] Connection refused"),
    ],
)
def test_an_engine_that_is_away_is_named_with_what_to_do(error: Exception, start: str) -> None:
    sentence = errors.explain(error)
    assert sentence is not None
    assert sentence.startswith(start)
    assert sentence.endswith("eventmill status")


def test_a_page_that_does_not_answer_is_named_without_its_query() -> None:
    request = requests.Request("GET", "http://127.0.0.1:1/webhdfs/v1/x?op=OPEN").prepare()
    sentence = errors.explain(requests.ConnectionError("long story", request=request))
    assert str(sentence).startswith("no answer from http://127.0.0.1:1/webhdfs/v1/x; ")


def test_a_file_that_cannot_be_used_is_named() -> None:
    assert errors.explain(PermissionError(13, "Permission denied", "/x")) == "Permission denied: /x"


def test_what_nobody_foresaw_is_not_hidden() -> None:
    assert errors.explain(ZeroDivisionError("division by zero")) is None
