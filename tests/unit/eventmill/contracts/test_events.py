"""The contract of product views: what it takes, and the reason for what it doesn't."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventmill.contracts import events
from eventmill.contracts.events import EventError, ProductView

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
VIEW: dict[str, object] = {
    "event": "ProductView",
    "messageid": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "userid": "user-78",
    "properties": {"productid": "product-173"},
    "context": {"source": "desktop"},
    "timestamp": "2026-01-01 00:00:00",
}


def raw(**changes: object) -> bytes:
    return json.dumps(VIEW | changes, ensure_ascii=False).encode()


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in VIEW.items() if key != name}).encode()


def reason(value: bytes | None) -> str:
    with pytest.raises(EventError) as error:
        events.decode_event(ProductView, value, NOW)
    return str(error.value)


def test_a_product_view_is_decoded() -> None:
    view = events.decode_event(ProductView, raw(), NOW)
    assert view.messageid == UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
    assert (view.userid, view.properties.productid, view.context.source) == ("user-78", "product-173", "desktop")


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-01 00:00:00", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T02:00:00+02:00", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2025-12-31T19:00:00-05:00", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T00:00:00.123456Z", datetime(2026, 1, 1, 0, 0, 0, 123456, UTC)),
        ("2024-02-29 23:59:59", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_utc(text: str, time: datetime) -> None:
    assert events.utc(events.decode_event(ProductView, raw(timestamp=text), NOW).timestamp) == time


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "empty value"),
        (b"", "empty value"),
        (b"GET / HTTP/1.1", "JSON is malformed: invalid character (byte 0)"),
        (raw()[:40], "Input data was truncated"),
        (raw() + b"}", "JSON is malformed: trailing characters (byte 213)"),
        (raw(context={"source": "?"}).replace(b'"?"', b'"t\xe9l\xff"'), "not UTF-8"),
        (b'{"a":' + b"[" * 100_000, "JSON is nested too deeply"),
        (b"[]", "expected `object`, got `array`"),
        (b'"ProductView"', "expected `object`, got `str`"),
        (raw(event="PageView"), "event: invalid enum value 'PageView'"),
        (raw(messageid=12345), "messageid: expected `uuid`, got `int`"),
        (raw(messageid="0000-not-a-uuid"), "messageid: invalid UUID"),
        (raw(userid=None), "userid: expected `int | str`, got `null`"),
        (raw(userid=""), "userid: expected `str` of length >= 1"),
        (raw(context="desktop"), "context: expected `object`, got `str`"),
        (raw(context={}), "context.source: missing"),
        (raw(context={"source": 3}), "context.source: expected `str`, got `int`"),
        (raw(context={"source": "x" * 256}), "context.source: expected `str` of length <= 255"),
        (raw(properties={}), "properties.productid: missing"),
        (without("messageid"), "messageid: missing"),
        (without("timestamp"), "timestamp: missing"),
        (raw(timestamp=1767225600), "timestamp: expected `datetime`, got `int`"),
        (raw(timestamp="0001-01-01 00:00:00"), "timestamp: before 2000-01-01"),
        (raw(timestamp="0001-01-01T00:00:00+05:00"), "timestamp: before 2000-01-01"),
        (raw(timestamp="1999-12-31T23:59:59Z"), "timestamp: before 2000-01-01"),
        (raw(timestamp="9999-12-31 23:59:59"), "timestamp: more than a day after the event was received"),
        (raw(timestamp="9999-12-31T23:59:59-05:00"), "timestamp: more than a day after the event was received"),
        (raw(timestamp="2026-06-02T12:00:01Z"), "timestamp: more than a day after the event was received"),
    ],
)
def test_what_breaks_the_contract_is_told(value: bytes | None, expected: str) -> None:
    assert reason(value) == expected


@pytest.mark.parametrize(
    "text", ["2026-02-30 12:00:00", "2026-13-01T00:00:00Z", "2026-01-01 25:00:00", "2026-01-01", "yesterday", ""]
)
def test_a_date_that_does_not_exist_is_told(text: str) -> None:
    expected = "timestamp: is not a time such as 2026-01-31 23:59:59 or 2026-01-31T23:59:59Z"
    assert reason(raw(timestamp=text)) == expected


def test_a_reason_does_not_grow_with_the_value() -> None:
    assert len(reason(raw(event="x" * 10_000))) == len("event: ") + events.LONGEST_REASON


def test_the_bounds_of_the_time_belong_to_it() -> None:
    for time in (events.EARLIEST, NOW + events.AHEAD):
        assert events.decode_event(ProductView, raw(timestamp=time.isoformat()), NOW).timestamp == time


def test_unknown_fields_are_no_error() -> None:
    assert events.decode_event(ProductView, raw(campaign={"id": 3}), NOW).userid == "user-78"


@pytest.mark.parametrize("source", ["téléphone", "телефон", "手机", "📱", " ", "x" * 255, "a\u0000b"])
def test_any_text_is_a_source(source: str) -> None:
    assert events.decode_event(ProductView, raw(context={"source": source}), NOW).context.source == source


@given(st.binary(max_size=200))
def test_any_bytes_are_taken_or_rejected(value: bytes) -> None:
    with pytest.raises(EventError):
        events.decode_event(ProductView, value, NOW)


@given(
    st.datetimes(datetime(2000, 1, 2), datetime(2026, 5, 30)),
    st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_any_time_with_an_offset_is_that_moment(naive: datetime, zone: timezone) -> None:
    time = naive.replace(tzinfo=zone)
    view = events.decode_event(ProductView, raw(timestamp=time.isoformat()), NOW)
    assert events.utc(view.timestamp) == time


def test_an_event_that_is_encoded_is_decoded_again() -> None:
    view = events.decode_event(ProductView, raw(), NOW)
    assert events.decode_event(ProductView, msgspec.json.encode(view), NOW) == view


def test_the_decoder_for_the_many_takes_what_the_contract_takes() -> None:
    fast, view = events.decode_many(ProductView)(raw()), events.decode_event(ProductView, raw(), NOW)
    assert fast.messageid == str(view.messageid)
    assert (fast.timestamp, fast.userid, fast.context) == (view.timestamp, view.userid, view.context)


def test_the_json_schema_says_the_same() -> None:
    schema = events.json_schema(ProductView)
    jsonschema.Draft202012Validator.check_schema(schema)
    valid = jsonschema.Draft202012Validator(schema).is_valid
    assert valid(VIEW)
    for value in (raw(context={}), raw(event="PageView"), raw(userid=""), without("messageid")):
        assert not valid(json.loads(value))


def test_bytes_that_are_not_utf8_are_rejected_in_fields_that_no_contract_names() -> None:
    spoilt = raw(campaign={"name": "?"}).replace(b'"?"', b'"t\xe9l"')
    assert reason(spoilt) == "not UTF-8"
    for decoder in (events.decode_many(ProductView), events.decode_draft(ProductView)):
        with pytest.raises(UnicodeDecodeError):
            decoder(spoilt)
        assert decoder(raw(campaign="téléphone 手机")).userid == "user-78"


def test_a_byte_order_mark_is_ignored() -> None:
    assert events.decode_event(ProductView, BOM_UTF8 + raw(), NOW) == events.decode_event(ProductView, raw(), NOW)
    assert reason(BOM_UTF8) == "empty value"
