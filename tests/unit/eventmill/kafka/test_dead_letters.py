"""Rejected records: who rejected them, that each counts once, and which of them were replayed."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from eventmill.kafka import dead_letters
from eventmill.kafka.dead_letters import History, RecordId, RejectedError
from tests.support import settings

TIME = 1767225600123


def record(value: bytes | None = b"{", offset: int = 0, **headers: str) -> SimpleNamespace:
    """A record of Kafka with these headers; two underscores stand for a dot."""
    pairs = [(name.replace("__", "."), text.encode()) for name, text in headers.items()]
    return SimpleNamespace(value=value, headers=pairs, timestamp=TIME, partition=0, offset=offset, key=b"k")


def copies_and_a_marker() -> list[SimpleNamespace]:
    """A record at 0, another at 1, a copy of the first at 2, and the marker that says that this one was replayed."""
    lines = [record(offset=offset, source__file="a.json", source__line=line) for offset, line in enumerate("121")]
    marker = {
        "replayed.partition": "0",
        "replayed.offset": "2",
        "replayed.to.partition": "3",
        "replayed.to.offset": "9",
    }
    return [*lines, record(None, 3, **{name.replace(".", "__"): value for name, value in marker.items()})]


def by_spark(offset: int, reason: str = "source: missing") -> dead_letters.Rejected:
    """What the job rejected at that offset."""
    return dead_letters.parse_rejected(
        record(
            reason=reason,
            source__topic="clicks",
            source__partition="3",
            source__offset=str(offset),
            source__time=str(TIME),
        )
    )


def by_nifi(line: int, reason: str = "empty file") -> dead_letters.Rejected:
    """What NiFi rejected in that line."""
    return dead_letters.parse_rejected(record(reason=reason, source__file="a.json", source__line=str(line)))


def test_what_spark_rejected_is_known_by_topic_partition_and_offset() -> None:
    found = by_spark(17)
    assert (found.origin, found.identity) == (dead_letters.SPARK, ("clicks", "3", "17"))
    assert found.reason == "source: missing"
    assert found.received == datetime(2026, 1, 1, 0, 0, 0, 123000, tzinfo=UTC)
    assert found.value == b"{"
    assert found.key == b"k"
    assert ("source.topic", b"clicks") in found.headers


def test_what_nifi_rejected_is_known_by_file_and_line() -> None:
    found = by_nifi(4)
    assert (found.origin, found.identity) == (dead_letters.NIFI, ("a.json", "4"))


def test_what_the_api_rejected_is_known_by_request_and_place() -> None:
    found = dead_letters.parse_rejected(record(reason="userid: missing", source__request="r-1", source__index="3"))
    assert (found.origin, found.identity) == (dead_letters.API, ("r-1", "3"))


def test_a_record_without_headers_or_value_is_no_error() -> None:
    found = dead_letters.parse_rejected(record(None))
    assert (found.reason, found.value, found.identity) == ("no reason given", b"", ("?", "?"))


def test_a_record_that_was_written_twice_counts_once() -> None:
    records = [by_spark(1), by_spark(2), by_spark(1), by_nifi(1), by_nifi(1)]
    assert [found.identity for found in dead_letters.distinct(records)] == [
        ("clicks", "3", "1"),
        ("clicks", "3", "2"),
        ("a.json", "1"),
    ]


def test_the_summary_counts_by_origin_and_reason() -> None:
    summary = dead_letters.summarise([by_spark(1), by_spark(1), by_spark(2, "userid: missing"), by_nifi(1)])
    assert summary.origins == {"spark": 2, "nifi": 1}
    assert summary.reasons == {"source: missing": 1, "userid: missing": 1, "empty file": 1}


def test_reasons_that_differ_in_place_only_are_one() -> None:
    places = [by_nifi(n, f"invalid UTF-8 at byte {n}") for n in range(3)]
    assert dead_letters.summarise(places).reasons == {"invalid UTF-8": 3}


def test_a_marker_is_no_rejected_record() -> None:
    assert [dead_letters.is_marker(one) for one in copies_and_a_marker()] == [False, False, False, True]
    assert not dead_letters.is_marker(record(None))


def test_a_record_was_replayed_when_a_copy_of_it_was() -> None:
    history = History.of(copies_and_a_marker())
    assert list(history.replays) == [("a.json", "1")]
    assert history.replays["a.json", "1"].text("clicks") == "at 2026-01-01 00:00:00 UTC, as 3@9 of clicks"
    assert history.find("clicks", RecordId(0, 2)) == history.find("clicks", RecordId(0, 0))
    assert history.waiting() == 1


def test_an_id_that_is_no_rejected_records_is_named_with_what_to_do() -> None:
    history = History.of(copies_and_a_marker())
    for place in (RecordId(0, 3), RecordId(0, 99), RecordId(7, 0)):
        with pytest.raises(RejectedError, match=rf"clicks has no rejected record {place}; .*rejected list clicks"):
            history.find("clicks", place)


def test_an_id_is_partition_and_offset() -> None:
    assert str(RecordId.parse("0-17")) == "0-17"
    for text in ("17", "0-", "-1-2", "0-17-1", "a-b", "0-1\n"):
        with pytest.raises(RejectedError, match="is no id of a rejected record"):
            RecordId.parse(text)


def test_a_topic_without_rejected_records_is_named_with_those_that_have_some() -> None:
    values = settings()
    assert dead_letters.source(values, "clicks").key == "userid"
    for name in ("click", "clicks.rejected"):
        with pytest.raises(RejectedError, match=rf"no topic '{name}' has rejected records; there are clicks, events"):
            dead_letters.source(values, name)
