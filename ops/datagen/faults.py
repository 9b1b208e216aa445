"""The broken records that the generators plant: each breaks the contract of its events in one way."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

Event = dict[str, object]
Fault = Callable[[Event], bytes]


def _with(**changes: object) -> Fault:
    return lambda event: msgspec.json.encode(event | changes)


def _without(name: str) -> Fault:
    return lambda event: msgspec.json.encode({key: value for key, value in event.items() if key != name})


def _truncated(event: Event) -> bytes:
    line = msgspec.json.encode(event)
    return line[: len(line) // 2]


def _invalid_utf8(**changes: object) -> Fault:
    """The changes hold a text of one question mark, which becomes bytes that are no UTF-8."""
    return lambda event: msgspec.json.encode(event | changes).replace(b'"?"', b'"t\xe9l\xff"')


def _no_json(event: Event) -> bytes:
    return b"GET /product/" + str(event["userid"]).encode() + b" HTTP/1.1"


def _without_product(action: str) -> Fault:
    return lambda event: _without("productid")(event | {"lastAction": action})


# A record without any timestamp is not among them: NiFi gives it the time of arrival, which makes it a valid one.
FAULTS: dict[str, Fault] = {
    "wrong_type_messageid": _with(messageid=12345),
    "wrong_type_context": _with(context="desktop"),
    "wrong_type_properties": _with(properties=["product-1"]),
    "wrong_type_timestamp": _with(timestamp=1767225600),
    "wrong_event": _with(event="PageView"),
    "not_an_object": lambda event: msgspec.json.encode(event["event"]),
    "missing_source": _with(context={}),
    "empty_source": _with(context={"source": ""}),
    "long_source": _with(context={"source": "x" * 256}),
    "missing_context": _without("context"),
    "missing_messageid": _without("messageid"),
    "not_a_uuid": _with(messageid="0000-not-a-uuid"),
    "missing_userid": _without("userid"),
    "null_userid": _with(userid=None),
    "missing_productid": _with(properties={}),
    "no_such_day": _with(timestamp="2026-02-30 12:00:00"),
    "no_such_month": _with(timestamp="2026-13-01T00:00:00Z"),
    "no_such_hour": _with(timestamp="2026-01-01 25:00:00"),
    "not_a_date": _with(timestamp="yesterday"),
    "year_1": _with(timestamp="0001-01-01 00:00:00"),
    "year_9999": _with(timestamp="9999-12-31 23:59:59"),
}
# These spoil a JSON array as a whole, so they are planted among lines only.
LINE_FAULTS: dict[str, Fault] = {
    "not_json": _no_json,
    "truncated": _truncated,
    "invalid_utf8": _invalid_utf8(context={"source": "?"}),
}
# The API gives an action its identity and its time when they are missing, so these two lacks are not among them.
ACTION_FAULTS: dict[str, Fault] = {
    "unknown_action": _with(lastAction="TELEPORT"),
    "lower_case_action": _with(lastAction="shopping_cart"),
    "wrong_type_action": _with(lastAction=4),
    "missing_action": _without("lastAction"),
    "cart_without_product": _without_product("SHOPPING_CART"),
    "view_without_product": _without_product("PRODUCT_VIEW"),
    "empty_productid": _with(lastAction="SHOPPING_CART", productid=""),
    "long_productid": _with(productid="x" * 256),
    "negative_cart_value": _with(cart_value=-1),
    "fraction_cart_value": _with(cart_value=12.5),
    "text_cart_value": _with(cart_value="1299"),
    "huge_cart_value": _with(cart_value=2**63),
    "wrong_type_messageid": _with(messageid=12345),
    "not_a_uuid": _with(messageid="0000-not-a-uuid"),
    "missing_userid": _without("userid"),
    "null_userid": _with(userid=None),
    "long_userid": _with(userid="x" * 256),
    "wrong_type_timestamp": _with(timestamp=1767225600),
    "no_such_day": _with(timestamp="2026-02-30 12:00:00"),
    "not_a_date": _with(timestamp="yesterday"),
    "year_1": _with(timestamp="0001-01-01 00:00:00"),
    "year_9999": _with(timestamp="9999-12-31 23:59:59"),
    "not_an_object": lambda event: msgspec.json.encode([event]),
    "not_json": _no_json,
    "truncated": _truncated,
    "invalid_utf8": _invalid_utf8(productid="?"),
}
# A page log whose address or user agent tells nothing breaks no contract: it's of an unknown place or browser.
PAGE_LOG_FAULTS: dict[str, Fault] = {
    "other_collection": _with(collection="add_to_cart"),
    "missing_collection": _without("collection"),
    "missing_id": _without("id"),
    "not_a_uuid": _with(id="0000-not-a-uuid"),
    "wrong_type_id": _with(id=12345),
    "missing_time_stamp": _without("time_stamp"),
    "milliseconds": _with(time_stamp=1_767_225_600_000),
    "year_1970": _with(time_stamp=5),
    "text_time_stamp": _with(time_stamp="yesterday"),
    "missing_ip": _without("ip"),
    "null_ip": _with(ip=None),
    "wrong_type_ip": _with(ip=["77.9.12.34"]),
    "missing_device_id": _without("device_id"),
    "empty_device_id": _with(device_id=""),
    "missing_product_id": _without("product_id"),
    "wrong_type_product_id": _with(product_id=["96672"]),
    "null_store_id": _with(store_id=None),
    "long_store_id": _with(store_id="x" * 256),
    "no_such_local_time": _with(local_time="2026-02-30 12:00:00"),
    "missing_local_time": _without("local_time"),
    "local_time_without_utc": _with(local_time="0001-01-01T00:00:00+14:00"),
    "wrong_type_email": _with(email={"address": "customer@example.org"}),
    "not_an_object": lambda event: msgspec.json.encode([event]),
    "not_json": lambda event: b"GET /product/" + str(event["product_id"]).encode() + b" HTTP/1.1",
    "truncated": _truncated,
    "invalid_utf8": _invalid_utf8(user_agent="?"),
}
