"""Rejected records: who rejected them, and that each counts once."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

from eventmill import rejected

TIME = 1767225600123


def record(value: bytes | None = b"{", **headers: str) -> SimpleNamespace:
    """A record of Kafka with these headers; two underscores stand for a dot."""
    pairs = [(name.replace("__", "."), text.encode()) for name, text in headers.items()]
    return SimpleNamespace(value=value, headers=pairs, timestamp=TIME)


def by_spark(offset: int, reason: str = "source: missing") -> rejected.Rejected:
    """What the job rejected at that offset."""
    return rejected.parse(
        record(
            reason=reason,
            source__topic="clicks",
            source__partition="3",
            source__offset=str(offset),
            source__time=str(TIME),
        )
    )


def by_nifi(line: int, reason: str = "empty file") -> rejected.Rejected:
    """What NiFi rejected in that line."""
    return rejected.parse(record(reason=reason, source__file="a.json", source__line=str(line)))


def test_what_spark_rejected_is_known_by_topic_partition_and_offset() -> None:
    found = by_spark(17)
    assert (found.origin, found.identity) == (rejected.SPARK, ("clicks", "3", "17"))
    assert found.reason == "source: missing"
    assert found.received == datetime(2026, 1, 1, 0, 0, 0, 123000, tzinfo=UTC)
    assert found.value == b"{"


def test_what_nifi_rejected_is_known_by_file_and_line() -> None:
    found = by_nifi(4)
    assert (found.origin, found.identity) == (rejected.NIFI, ("a.json", "4"))


def test_what_the_api_rejected_is_known_by_request_and_place() -> None:
    found = rejected.parse(record(reason="userid: missing", source__request="r-1", source__index="3"))
    assert (found.origin, found.identity) == (rejected.API, ("r-1", "3"))


def test_a_record_without_headers_or_value_is_no_error() -> None:
    found = rejected.parse(record(None))
    assert (found.reason, found.value, found.identity) == ("no reason given", b"", ("?", "?"))


def test_a_record_that_was_written_twice_counts_once() -> None:
    records = [by_spark(1), by_spark(2), by_spark(1), by_nifi(1), by_nifi(1)]
    assert [found.identity for found in rejected.distinct(records)] == [
        ("clicks", "3", "1"),
        ("clicks", "3", "2"),
        ("a.json", "1"),
    ]


def test_the_summary_counts_by_origin_and_reason() -> None:
    summary = rejected.summary([by_spark(1), by_spark(1), by_spark(2, "userid: missing"), by_nifi(1)])
    assert summary.origins == {"spark": 2, "nifi": 1}
    assert summary.reasons == {"source: missing": 1, "userid: missing": 1, "empty file": 1}


def test_reasons_that_differ_in_place_only_are_one() -> None:
    places = [by_nifi(n, f"invalid UTF-8 at byte {n}") for n in range(3)]
    assert rejected.summary(places).reasons == {"invalid UTF-8": 3}
