"""Visits: each log is loaded once, enriched, with where it is in the topic; crashes change nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from spark_jobs.processing.enrichment import pseudonym
from tests.unit.spark_jobs.support import START, Record, VisitsPipeline

Make = Callable[[], VisitsPipeline]


def log(seconds: int, number: int | None = None, **more: object) -> bytes:
    """A page log so many seconds after START; its id comes from `number`, which is new unless it's given."""
    time = START + timedelta(seconds=seconds)
    fields: dict[str, object] = {
        "id": str(UUID(int=number if number is not None else seconds + 2**64)),
        "api_version": "1.0",
        "collection": "view_product_detail",
        "current_url": "https://store-5.example.org/products/7",
        "device_id": "device-1",
        "email": "ann@example.org",
        "ip": "77.9.12.34",
        "local_time": f"{time + timedelta(hours=1):%Y-%m-%d %H:%M:%S}",
        "option": [{"option_id": "1", "option_label": "gold"}],
        "product_id": "7",
        "referrer_url": "https://www.google.com/",
        "store_id": "5",
        "time_stamp": int(time.timestamp()),
        "user_agent": "curl/8.5.0",
    }
    return json.dumps(fields | more).encode()


def test_a_log_is_loaded_with_what_it_tells(visits: Make) -> None:
    pipeline = visits().feed(log(5))
    (row,) = pipeline.views.values()
    assert row["viewed_at"] == START + timedelta(seconds=5)
    assert row["local_time"] == (START + timedelta(hours=1, seconds=5)).replace(tzinfo=None)
    assert (row["country"], row["city"], row["browser"], row["referrer"]) == ("Germany", "Munich", "curl", "google.com")
    assert row["customer"] == pseudonym("a key of the tests", "ann@example.org")
    assert "ann@example.org" not in str(pipeline.views)


def test_a_time_may_be_a_text_too(visits: Make) -> None:
    pipeline = visits().feed(log(5, time_stamp="2026-01-01 00:00:05"), log(6, time_stamp="2026-01-01T01:00:06+01:00"))
    assert [row["viewed_at"] for _, row in sorted(pipeline.views.items())] == [
        START + timedelta(seconds=n) for n in (5, 6)
    ]


def test_the_clock_of_a_visitor_is_stored_as_it_was_and_numbers_become_text(visits: Make) -> None:
    pipeline = visits().feed(log(5, local_time="2026-02-01 08:31:22+07:00", store_id=85), log(6, product_id="007"))
    first, second = (row for _, row in sorted(pipeline.views.items()))
    assert first["local_time"] == datetime(2026, 2, 1, 8, 31, 22)
    assert (first["store_id"], second["product_id"]) == ("85", "007")


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_clock_that_utc_has_no_year_for_is_a_dead_letter_and_the_batch_goes_on(visits: Make, time: str) -> None:
    pipeline = visits().feed(log(5, local_time=time), log(6), log(7, local_time="0001-01-01T00:00:00Z"))
    assert sorted(pipeline.views) == [(0, 1), (0, 2)]
    (headers,) = pipeline.rejected.values()
    assert headers["reason"] == "local_time: in UTC it lies outside of the years 1 to 9999"


def test_copies_are_known_by_their_id(visits: Make) -> None:
    pipeline = visits().feed(log(5, 1), log(5, 1), log(6, 2)).feed(log(5, 1))
    assert sorted(pipeline.views) == [(0, 0), (0, 2)]
    assert pipeline.copies == {(0, 1): str(UUID(int=1)), (0, 3): str(UUID(int=1))}


def test_what_breaks_the_contract_is_rejected(visits: Make) -> None:
    pipeline = visits().feed(log(5), log(6, product_id=[7]), b"no json", log(7, time_stamp=True), Record(None))
    assert len(pipeline.views) == 1
    reasons = [headers["reason"] for headers in pipeline.rejected.values()]
    assert len(reasons) == 4
    assert "product_id: expected `int | str`, got `array`" in reasons
    assert "time_stamp: expected `datetime`, got `bool`" in reasons


def test_a_crash_at_each_step_changes_nothing(visits: Make) -> None:
    first = [log(5, 1), log(6, 2), b"broken"]
    second = [log(7, 3), log(6, 2), b"broken too"]
    pipeline = visits().feed(*first)
    reference = visits().feed(*first).feed(*second).snapshot()
    records = [Record(value, offset=len(first) + n) for n, value in enumerate(second)]
    steps = 0
    while pipeline.crash(records, steps):
        steps += 1
    assert steps > 2
    assert pipeline.snapshot() == reference
