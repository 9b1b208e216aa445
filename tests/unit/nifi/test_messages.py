"""Kafka messages from the content of FlowFiles."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nifi.messages import Message, from_records, stamped

NOW = "2026-01-01 00:00:00"


def test_a_line_becomes_a_message_with_its_key() -> None:
    lines = b'{"userid":"user-1"}\n{"userid":"\xc3\xa4"}\n{"userid":78}\n'
    assert from_records(lines, "userid") == [
        Message(b'{"userid":"user-1"}', b"user-1"),
        Message(b'{"userid":"\xc3\xa4"}', "ä".encode()),
        Message(b'{"userid":78}', b"78"),
    ]


@pytest.mark.parametrize("key", [b"", b"5.5", b"true", b"null", b'""', b'["a"]'])
def test_a_record_without_a_proper_key_has_none(key: bytes) -> None:
    line = b'{"userid":%b}' % key if key else b"{}"
    assert from_records(line, "userid") == [Message(line)]


def test_half_a_surrogate_in_the_key_does_no_harm() -> None:
    assert from_records(b'{"userid":"\\ud800"}', "userid")[0].key == b"?"


def test_a_timestamp_is_added_where_there_is_none() -> None:
    assert stamped(b'{"a":1.10}\n{}\n', NOW) == (
        b'{"a":1.10,"timestamp":"2026-01-01 00:00:00"}\n{"timestamp":"2026-01-01 00:00:00"}\n'
    )


@pytest.mark.parametrize(
    "line", [b'{"timestamp":null}', b'{"timestamp":5}', b'{"timestamp":"9999"}', b'{"\\u0074imestamp":""}']
)
def test_a_timestamp_that_is_there_stays(line: bytes) -> None:
    assert stamped(line, NOW) == line + b"\n"


def test_a_timestamp_deeper_down_is_not_the_records_own() -> None:
    [line] = stamped(b'{"a":{"timestamp":1}}', NOW).splitlines()
    assert json.loads(line) == {"a": {"timestamp": 1}, "timestamp": NOW}


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.text(), st.integers() | st.text() | st.none()))
def test_stamping_changes_nothing_else(record: dict[str, Any]) -> None:
    line = stamped(json.dumps(record).encode(), NOW)
    assert json.loads(line) == {"timestamp": NOW} | record
