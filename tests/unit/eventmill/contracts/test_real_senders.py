"""The contracts on events of real senders: strict where the tables need it, liberal elsewhere."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import jsonschema
import pytest

from eventmill.contracts import events
from eventmill.contracts.events import EventError, PageLog, ProductView, UserAction

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
LOG: dict[str, object] = {
    "id": ID,
    "api_version": "1.0",
    "collection": "view_product_detail",
    "current_url": "https://store-9.example.org/p/1",
    "device_id": "874db849",
    "email": "",
    "ip": "77.9.12.34",
    "local_time": "2026-01-01 08:31:22",
    "option": [{"option_label": "alloy", "option_id": "4"}],
    "product_id": "96672",
    "referrer_url": "",
    "store_id": "9",
    "time_stamp": 1767252682,
    "user_agent": "curl/8.5.0",
}
ACTION: dict[str, object] = {"messageid": ID, "timestamp": "2026-01-01 00:00:00", "userid": "u", "lastAction": "SEARCH"}


def raw(event: dict[str, object]) -> bytes:
    return json.dumps(event).encode()


def log(**changes: object) -> PageLog:
    """The log with these changes, as every decoder takes it."""
    value = raw(LOG | changes)
    taken = events.decode_event(PageLog, value, NOW)
    assert events.decode_many(PageLog)(value).product_id == taken.product_id
    assert jsonschema.Draft202012Validator(events.json_schema(PageLog)).is_valid(LOG | changes)
    return taken


@pytest.mark.parametrize(
    "option",
    [
        "",
        {},
        None,
        "colour",
        [{"option_label": "diamond", "option_id": "", "value_label": "", "value_id": ""}],
        [{"option_label": "alloy", "option_id": None}, {"alloy": {"kind": "gold"}}],
        {"alloy": "", "diamond": "", "shapediamond": ""},
    ],
)
def test_options_may_be_anything_for_they_are_not_stored(option: object) -> None:
    assert log(option=option).option == option


@pytest.mark.parametrize("name", ["product_id", "store_id", "device_id", "ip"])
def test_identifiers_may_be_numbers(name: str) -> None:
    assert getattr(log(**{name: 85}), name) == 85
    assert getattr(log(**{name: "085"}), name) == "085"


@pytest.mark.parametrize("name", ["api_version", "current_url"])
@pytest.mark.parametrize("value", [1.5, "", None, "https://" + "x" * 9000, False])
def test_what_is_not_stored_is_taken_in_any_form(name: str, value: object) -> None:
    log(**{name: value})


def test_fields_that_tables_do_not_need_may_be_missing() -> None:
    needed = {"id", "collection", "device_id", "ip", "local_time", "product_id", "store_id", "time_stamp"}
    events.decode_event(PageLog, raw({name: value for name, value in LOG.items() if name in needed}), NOW)
    for name in needed:
        with pytest.raises(EventError, match=f"{name}: missing"):
            events.decode_event(PageLog, raw({key: value for key, value in LOG.items() if key != name}), NOW)


@pytest.mark.parametrize("name", ["email", "referrer_url", "user_agent"])
def test_texts_of_any_length_are_taken(name: str) -> None:
    log(**{name: "x" * 20_000})
    log(**{name: None})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("product_id", 8.5),
        ("product_id", ""),
        ("store_id", True),
        ("store_id", [85]),
        ("device_id", 2**63),
        ("ip", None),
        ("email", {}),
        ("collection", "checkout"),
        ("id", 12345),
    ],
)
def test_what_tables_cannot_hold_is_rejected(name: str, value: object) -> None:
    with pytest.raises(EventError) as error:
        log(**{name: value})
    assert error.value.field == name


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-00:01"])
def test_a_clock_whose_utc_has_no_year_is_rejected_with_a_reason(time: str) -> None:
    with pytest.raises(EventError, match="local_time: in UTC it lies outside of the years 1 to 9999"):
        events.decode_event(PageLog, raw(LOG | {"local_time": time}), NOW)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59+14:00", "2026-01-01T08:31:22+07:00"])
def test_any_other_clock_is_taken(time: str) -> None:
    assert log(local_time=time).local_time == datetime.fromisoformat(time)


def test_users_and_products_may_be_numbers_in_what_shops_report() -> None:
    view = {"event": "ProductView", "properties": {"productid": 7}, "context": {"source": "web"}}
    value = raw({"messageid": ID, "timestamp": "2026-01-01 00:00:00", "userid": 78} | view)
    assert events.decode_event(ProductView, value, NOW).properties.productid == 7
    assert events.decode_event(UserAction, raw(ACTION | {"userid": 78, "productid": 7}), NOW).userid == 78


def test_an_action_without_a_product_may_say_so_with_an_empty_text() -> None:
    assert events.decode_event(UserAction, raw(ACTION | {"productid": ""}), NOW).productid == ""
    for action in ("PRODUCT_VIEW", "SHOPPING_CART"):
        with pytest.raises(EventError, match="productid: missing"):
            events.decode_event(UserAction, raw(ACTION | {"productid": "", "lastAction": action}), NOW)
        assert events.decode_event(UserAction, raw(ACTION | {"productid": 0, "lastAction": action}), NOW).productid == 0
