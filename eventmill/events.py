"""The event contracts: one Struct an event type, from which come decoding, validation and schemas.

An event is decoded from the JSON bytes of a Kafka record or a request. Fields that a contract doesn't name are no
error: they stay in the raw bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(min_length=1, max_length=255, description="1 to 255 characters")]
"""An identifier or a label; 255 characters is what the tables of MySQL take."""

UuidText = Annotated[str, Meta(min_length=36, max_length=36)]
UUID_TEXT = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
"""The canonical text of a UUID, as a regular expression."""

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""No event is older; what claims to be is broken."""

AHEAD = timedelta(days=1)
"""How far an event may lie ahead of the time at which it was received: clocks and time zones that are set wrong."""


LONGEST_REASON = 300


class Event(msgspec.Struct, frozen=True, gc=False):
    """What all event types share: a name, an identity and a time.

    Attributes:
        messageid: identity of the event, made by its sender; a second event with the same one is a duplicate.
        timestamp: when it happened, `yyyy-MM-dd HH:mm:ss` or RFC 3339; UTC where it has no offset.
    """

    messageid: UUID
    timestamp: datetime


class Product(msgspec.Struct, frozen=True, gc=False):
    """The product that an event is about."""

    productid: Name


class Context(msgspec.Struct, frozen=True, gc=False):
    """Where an event comes from.

    Attributes:
        source: the platform that the shopper uses, such as `desktop` or `mobile`.
    """

    source: Name


class ProductView(Event, frozen=True, gc=False, kw_only=True):
    """A shopper looked at a product's page, as the shop's web site and apps report it.

    Attributes:
        event: always `ProductView`.
        userid: the shopper, such as `user-78`; keys the Kafka record.
        properties: the product that was viewed.
        context: the platform it was viewed on.
    """

    event: Literal["ProductView"]
    userid: Name
    properties: Product
    context: Context


EventType = TypeVar("EventType", bound=Event)


class EventError(ValueError):
    """An event breaks its contract; the message names the field and what is wrong with it."""


def decode_many(contract: type[Event]) -> Callable[[bytes], Any]:
    """A decoder for the many: as the contract says, but UUIDs stay text and only their length of 36 is checked.

    It is twice as fast. The caller checks those texts with `UUID_TEXT` and the times with `check_time`, and gives what
    fails anywhere to `decode`, whose word counts.
    """
    return msgspec.json.Decoder(_with_text_for_uuids(contract)).decode


def _with_text_for_uuids(contract: type[Event]) -> type:
    fields = [(f.name, UuidText if f.type is UUID else f.type) for f in msgspec.structs.fields(contract)]
    return msgspec.defstruct(contract.__name__, fields, frozen=True, gc=False)


def decode(contract: type[EventType], raw: bytes | None, received: datetime) -> EventType:
    """The event in `raw`, which was received at that time.

    Raises:
        EventError: when it breaks the contract.
    """
    try:
        event = msgspec.json.decode(raw or b"", type=contract)
    except (ValueError, RecursionError) as error:
        raise EventError(explain(raw, error)) from error
    check_time(event, received)
    return event


def check_time(event: Event, received: datetime) -> None:
    """Refuse a time that cannot be true.

    Raises:
        EventError: when the event is older than EARLIEST or more than AHEAD later than it was received.
    """
    if utc(event.timestamp) < EARLIEST:
        raise EventError(f"timestamp: before {EARLIEST:%Y-%m-%d}")
    if utc(event.timestamp) > received + AHEAD:
        raise EventError("timestamp: more than a day after the event was received")


def utc(time: datetime) -> datetime:
    """The time in UTC; one without an offset is in UTC already, one outside the years 1 to 9999 is cut to them."""
    if time.tzinfo is None:
        return time.replace(tzinfo=UTC)
    try:
        return time.astimezone(UTC)
    except OverflowError:
        return (datetime.min if time.year == 1 else datetime.max).replace(tzinfo=UTC)


def explain(raw: bytes | None, error: Exception) -> str:
    """Why decoding failed, as `field: what is wrong` where a field is to blame; it may quote the value, so it's cut."""
    return _reason(raw, error)[:LONGEST_REASON]


def _reason(raw: bytes | None, error: Exception) -> str:
    if not raw:
        return "empty value"
    if isinstance(error, RecursionError):
        return "JSON is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, msgspec.ValidationError):
        return _field_reason(str(error))
    return str(error)


def _field_reason(message: str) -> str:
    what, _, path = message.partition(" - at `$.")
    path = path.removesuffix("`")
    if missing := re.fullmatch(r"Object missing required field `(\w+)`", what):
        return f"{path}.{missing[1]}: missing" if path else f"{missing[1]}: missing"
    if what == "Invalid RFC3339 encoded datetime":
        what = "is not a time such as 2026-01-31 23:59:59 or 2026-01-31T23:59:59Z"
    what = what[0].lower() + what[1:]
    return f"{path}: {what}" if path else what


def json_schema(contract: type[Event]) -> dict[str, Any]:
    """The contract as a JSON Schema (2020-12)."""
    return msgspec.json.schema(contract)
