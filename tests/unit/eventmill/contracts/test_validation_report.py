"""The difference between a value and its contract: all faults at once, and nothing where there is none."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from datetime import UTC, datetime

import msgspec
import pytest

from eventmill.contracts import events, validation_report
from eventmill.contracts.events import EventError, GameEvent, PageLog, ProductView

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD = {
    "messageid": "0b6a2c1e-5b1f-4f7c-9d3a-2f4c7f0e6a55",
    "timestamp": "2026-01-01 00:00:00",
    "event": "ProductView",
    "userid": "user-1",
    "properties": {"productid": "product-1"},
    "context": {"source": "mobile"},
}
BUY = {key: GOOD[key] for key in ("messageid", "timestamp")} | {
    "event_type": "purchase_sword",
    "Host": "h",
    "type": "s",
}


def view(**changes: object) -> bytes:
    """A product view with these fields."""
    return msgspec.json.encode(GOOD | changes)


def test_a_good_value_has_no_fault() -> None:
    found = validation_report.validate(ProductView, view(), NOW)
    assert found.faults() == []
    assert [field.path for field in found.fields][-2:] == ["properties.productid", "context.source"]


def test_all_faults_are_found_and_not_the_first_alone() -> None:
    value = view(messageid="x", userid="", properties={"productid": [5]}, context={}, event="View")
    assert validation_report.validate(ProductView, value, NOW).faults() == [
        "messageid: invalid UUID",
        "event: invalid enum value 'View'",
        "userid: expected `str` of length >= 1",
        "properties.productid: expected `int | str`, got `array`",
        "context.source: missing",
    ]


def test_a_field_shows_what_was_found_and_what_is_allowed() -> None:
    found = {
        field.path: field
        for field in validation_report.validate(ProductView, view(userid=True, context=None), NOW).fields
    }
    assert (found["userid"].found, found["userid"].allowed) == ("true", "text, 1 to 255 characters, or a whole number")
    assert (found["context"].found, found["context"].allowed) == ("null", "an object")
    assert found["timestamp"].fault is None


def test_what_may_be_missing_says_so() -> None:
    found = {field.path: field for field in validation_report.validate(GameEvent, msgspec.json.encode(BUY), NOW).fields}
    assert found["cost"].allowed == "a whole number from 0, or null; may be missing"
    assert (found["cost"].found, found["cost"].fault) == (None, None)
    assert "join_guild or leave_guild" in found["event_type"].allowed


def test_rules_over_several_fields_are_checked_beside_faults() -> None:
    value = msgspec.json.encode({key: BUY[key] for key in BUY if key not in ("type", "Host")} | {"cost": -1})
    faults = validation_report.validate(GameEvent, value, NOW).faults()
    assert faults == ["Host: missing", "type: missing", "cost: expected `int` >= 0"]


@pytest.mark.parametrize(("time", "reason"), [("1999-12-31 23:59:59", "before 2000"), ("2027-01-01T00:00:00Z", "more")])
def test_a_time_that_cannot_be_true_is_to_blame(time: str, reason: str) -> None:
    (fault,) = validation_report.validate(ProductView, view(timestamp=time), NOW).faults()
    assert fault.startswith(f"timestamp: {reason}")


def test_fields_that_the_contract_does_not_name_are_listed_and_no_fault() -> None:
    found = validation_report.validate(ProductView, view(context={"source": "a", "page": 1}, colour="red"), NOW)
    assert found.unknown == ["context.page", "colour"]
    assert found.faults() == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "empty value"),
        (b"[1]", "expected `object`, got `array`"),
        (b'{"a":', "Input data was truncated"),
        (b'{"a":"\xff"}', "not UTF-8"),
        (b"[" * 100_000, "JSON is nested too deeply"),
    ],
)
def test_what_is_no_object_is_to_blame_as_a_whole(value: bytes, reason: str) -> None:
    found = validation_report.validate(ProductView, value, NOW)
    assert found.faults() == [reason]
    assert found.fields == []


@pytest.mark.parametrize("field", GOOD)
@pytest.mark.parametrize("wrong", [None, 5, "", {}, [], "x" * 300])
def test_there_is_a_fault_where_the_contract_sees_one(field: str, wrong: object) -> None:
    value = view(**{field: wrong})
    try:
        events.decode_event(ProductView, value, NOW)
        broken = False
    except EventError:
        broken = True
    assert bool(validation_report.validate(ProductView, value, NOW).faults()) is broken


def test_a_long_value_is_cut() -> None:
    found = validation_report.validate(ProductView, view(userid="x" * 500), NOW)
    assert all(len(field.found or "") <= validation_report.LONGEST_FOUND + 1 for field in found.fields)


def test_a_page_log_is_compared_as_the_contract_reads_it() -> None:
    log = {"id": "0f8fad5b-d9cb-469f-a165-70867728950e", "collection": "view_product_detail", "device_id": 1}
    log |= {"ip": "77.9.12.34", "local_time": "2026-01-01 01:00:00", "product_id": 2, "store_id": 3, "option": {}}
    found = validation_report.validate(PageLog, BOM_UTF8 + json.dumps(log | {"time_stamp": 1767225600}).encode(), NOW)
    assert (found.faults(), found.whole) == ([], None)
    assert [field.allowed for field in found.fields if field.path == "option"] == [
        "anything, not stored; may be missing"
    ]
    found = validation_report.validate(PageLog, json.dumps(log | {"time_stamp": 5, "ip": None}).encode(), NOW)
    assert found.faults() == ["time_stamp: before 2000-01-01", "ip: expected `int | str`, got `null`"]
