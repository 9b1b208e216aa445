"""The event contracts: one Struct an event type, from which come decoding, validation and schemas.

An event is decoded from the JSON bytes of a Kafka record or a request. Fields that a contract doesn't name are no
error: they stay in the raw bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from eventmill.config.errors import EventmillError
from eventmill.contracts.encoding import check_utf8, without_bom
from eventmill.contracts.field_types import Address, Anything, Count, HeaderText, Id, LocalTime, Name, OptionalId

UUID_TEXT = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
"""The canonical text of a UUID, as a regular expression."""

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""No event is older; what claims to be is broken."""

AHEAD = timedelta(days=1)
"""Time that an event may lie ahead of when it was received: clocks and time zones that are set wrong."""


LONGEST_REASON = 300


class Event(msgspec.Struct, frozen=True, gc=False):
    """Base of all event types: a name, an identity and a time.

    Attributes:
        messageid: identity of the event, made by its sender; a second event with the same one is a duplicate.
        timestamp: when it happened, `yyyy-MM-dd HH:mm:ss` or RFC 3339; UTC where it has no offset.
        unix_time: whether a time may also be a number of seconds since the epoch.
    """

    messageid: UUID
    timestamp: datetime
    unix_time: ClassVar[bool] = False


class Product(msgspec.Struct, frozen=True, gc=False):
    """The product that an event is about."""

    productid: Id


class Context(msgspec.Struct, frozen=True, gc=False):
    """The source of an event.

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
    userid: Id
    properties: Product
    context: Context


class GameEvent(Event, frozen=True, gc=False, kw_only=True):
    """A player of the game did something, as the game service reports it with the headers of the player's request.

    Attributes:
        event_type: what was done; `default` is a look at the game's front page.
        host: the header Host, which stands for the player; keys the Kafka record.
        accept: the header Accept, None when there was none; so for `user_agent`.
        type: the item of a purchase.
        cost: its price in coins, None for an item that has none.
        guild_name: the guild that was joined or left.
        guild_member_cnt: its members after that; None when there is no such guild to leave.
        tot_guild_member_cnt: the members of all guilds after that.
    """

    event_type: Literal["default", "purchase_sword", "purchase_shield", "join_guild", "leave_guild"]
    host: Name = msgspec.field(name="Host")
    accept: HeaderText | None = msgspec.field(name="Accept", default=None)
    user_agent: HeaderText | None = msgspec.field(name="User-Agent", default=None)
    type: Name | None = None
    cost: Count | None = None
    guild_name: Name | None = None
    guild_member_cnt: Count | None = None
    tot_guild_member_cnt: Count | None = None

    def __post_init__(self) -> None:
        """Refuse a purchase without an item, and a change of a guild without its name."""
        if self.event_type.startswith("purchase_") and self.type is None:
            raise ValueError("type: missing")
        if self.event_type.endswith("_guild") and self.guild_name is None:
            raise ValueError("guild_name: missing")


class UserAction(Event, frozen=True, gc=False, kw_only=True):
    """A shopper did something in the shop, as its web site and apps report it.

    Attributes:
        userid: the shopper, such as `user-78`; keys the Kafka record.
        last_action: what was done, which is the shopper's last action then; SHOPPING_CART puts a product into the cart.
        productid: the product that was viewed or put into the cart; None or empty for actions that have none.
        cart_value: what the cart is worth after the action, in cents; None when the sender doesn't know.
    """

    userid: Id
    last_action: Literal["LOGIN", "SEARCH", "PRODUCT_VIEW", "SHOPPING_CART", "CHECKOUT", "ORDER", "LOGOUT"] = (
        msgspec.field(name="lastAction")
    )
    productid: OptionalId = None
    cart_value: Count | None = None

    def __post_init__(self) -> None:
        """Refuse a view and a cart without a product."""
        if self.last_action in ("PRODUCT_VIEW", "SHOPPING_CART") and self.productid in (None, ""):
            raise ValueError("productid: missing")


class CartTimedOut(Event, frozen=True, gc=False, kw_only=True):
    """A cart was abandoned: its shopper did nothing for too long and had not ordered; the carts job finds it out.

    Attributes:
        messageid: that of the action which opened the cart, so that one cart is one event.
        timestamp: when its time was over.
        userid: the shopper; keys the Kafka record.
        opened_at: when the first product was put into it.
        last_action_at: when the shopper did something last.
        last_action: what that was.
        items: how often a product was put into it.
        productid: the last product that was put into it.
        cart_value: what it was worth, in cents, by the last action that told; None when none did.
    """

    userid: Name
    opened_at: datetime
    last_action_at: datetime
    last_action: str
    items: Count
    productid: Name
    cart_value: Count | None = None


class LineItem(msgspec.Struct, frozen=True, gc=False):
    """A product and how many of it were ordered."""

    productid: Name
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)]


class OrderEvent(Event, frozen=True, gc=False, kw_only=True):
    """A shopper ordered something, as the shop reports it.

    Attributes:
        event: always `OrderEvent`.
        userid: the shopper, such as `user-346`; keys the Kafka record.
        lineitems: what was ordered.
        orderid: the number of the order in the shop.
    """

    event: Literal["OrderEvent"]
    userid: Name
    lineitems: Annotated[list[LineItem], Meta(min_length=1, max_length=1000)]
    orderid: Count


class OrderView(Event, frozen=True, gc=False, kw_only=True):
    """A shopper looked up an order that was not delivered yet, as the shop reports it.

    Attributes:
        event: always `OrderView`.
        userid: the shopper.
        orderid: the order; keys the Kafka record.
    """

    event: Literal["OrderView"]
    userid: Name
    orderid: Count


class PageLog(Event, frozen=True, gc=False, kw_only=True):
    """A visitor looked at a product's page in one of the stores, as the stores' web servers log it.

    Attributes:
        messageid: `id` in the log.
        timestamp: `time_stamp` in the log, in seconds since the epoch.
        api_version: of the log's format; this one and the others of type `Anything` are not stored.
        collection: what was done; `view_product_detail` is a look at a product's page.
        current_url: the page.
        device_id: the visitor's device; keys the Kafka record.
        email: the visitor's address; empty or None when nobody was logged in.
        ip: the address that the request came from, as it was logged: with a port, or behind proxies.
        local_time: the clock at the visitor's place.
        option: what the visitor chose on the page.
        product_id: the product, in the store's numbers.
        referrer_url: the page that the visitor came from; empty or None when there was none.
        store_id: the store.
        user_agent: the header User-Agent.
    """

    unix_time: ClassVar[bool] = True
    messageid: UUID = msgspec.field(name="id")
    timestamp: datetime = msgspec.field(name="time_stamp")
    api_version: Anything = None
    collection: Literal["view_product_detail"]
    current_url: Anything = None
    device_id: Id
    email: str | None = None
    ip: Address
    local_time: LocalTime
    option: Anything = None
    product_id: Id
    referrer_url: str | None = None
    store_id: Id
    user_agent: str | None = None

    def __post_init__(self) -> None:
        """Refuse a clock that shows a time which UTC has no year for."""
        try:
            self.local_time.astimezone(UTC)
        except OverflowError:
            raise ValueError("local_time: in UTC it lies outside of the years 1 to 9999") from None


EventType = TypeVar("EventType", bound=Event)


class EventError(EventmillError, ValueError):
    """An event breaks its contract.

    Attributes:
        field: the path of the field to blame, such as `context.source`; None when it's the event as a whole.
        reason: what is wrong.
    """

    def __init__(self, reason: str, field: str | None = None) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


def decode_many(contract: type[Event]) -> Callable[[bytes], Any]:
    """A decoder for the many: as the contract says, but UUIDs stay text, unchecked.

    It is twice as fast. The caller checks those texts with `UUID_TEXT` and the times with `check_time`, and gives what
    fails anywhere to `decode_event`, whose word counts; it takes a byte order mark, too.
    """
    return _decoder(contract, _variant(contract, optional=()))


def decode_draft(contract: type[Event]) -> Callable[[bytes], Any]:
    """As `decode_many`, but identity and time may be missing, and are then `msgspec.UNSET`."""
    return _decoder(contract, _variant(contract, optional=("messageid", "timestamp")))


def _decoder(contract: type[Event], kind: type) -> Callable[[bytes], Any]:
    # What is not strict reads numbers as times, and text as numbers where a field takes no text.
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(kind, strict=not contract.unix_time).decode

    def checked(raw: bytes) -> Any:
        check_utf8(raw)
        return decode(raw)

    return checked


def _variant(contract: type[Event], optional: tuple[str, ...]) -> type:
    """The contract with text for UUIDs, and fields that may be missing."""
    return msgspec.defstruct(
        contract.__name__,
        [_field(field, field.name in optional) for field in msgspec.structs.fields(contract)],
        frozen=True,
        gc=False,
        kw_only=True,
        namespace={"__post_init__": hook} if (hook := getattr(contract, "__post_init__", None)) else {},
    )


def _field(field: msgspec.structs.FieldInfo, optional: bool) -> tuple[str, Any, Any]:
    kind = str if field.type is UUID else field.type
    if optional:
        return field.name, kind | UnsetType, msgspec.field(default=UNSET, name=field.encode_name)
    return field.name, kind, msgspec.field(default=field.default, name=field.encode_name)


def decode_event(contract: type[EventType], raw: bytes | None, received: datetime) -> EventType:
    """The event in `raw`, which was received at that time; a byte order mark before it is ignored.

    Raises:
        EventError: when it breaks the contract.
    """
    raw = without_bom(raw or b"")
    try:
        check_utf8(raw)
        event = msgspec.json.decode(raw, type=contract, strict=not contract.unix_time)
    except (ValueError, RecursionError) as error:
        raise broken(raw, error) from error
    check_time(event, received, json_name(contract, "timestamp"))
    return event


def check_time(event: Any, received: datetime, field: str = "timestamp") -> None:
    """Refuse a time that cannot be true; `field` is its name in the JSON.

    Raises:
        EventError: when the event is older than EARLIEST or more than AHEAD later than it was received.
    """
    if utc(event.timestamp) < EARLIEST:
        raise EventError(f"before {EARLIEST:%Y-%m-%d}", field)
    if utc(event.timestamp) > received + AHEAD:
        raise EventError("more than a day after the event was received", field)


@cache
def json_name(contract: type, field: str) -> str:
    """Name of a contract's field in the JSON."""
    return next(each.encode_name for each in msgspec.structs.fields(contract) if each.name == field)


def utc(time: datetime) -> datetime:
    """The time in UTC; one without an offset is in UTC already, one outside the years 1 to 9999 is cut to them."""
    if time.tzinfo is None:
        return time.replace(tzinfo=UTC)
    try:
        return time.astimezone(UTC)
    except OverflowError:
        return (datetime.min if time.year == 1 else datetime.max).replace(tzinfo=UTC)


def broken(raw: bytes | None, error: Exception) -> EventError:
    """Why decoding failed; the reason may quote the value, so it's cut."""
    reason, field = _reason(raw, error)
    return EventError(reason[:LONGEST_REASON], field)


def _reason(raw: bytes | None, error: Exception) -> tuple[str, str | None]:
    if not raw:
        return "empty value", None
    if isinstance(error, RecursionError):
        return "JSON is nested too deeply", None
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8", None
    if isinstance(error, msgspec.ValidationError):
        return _field_reason(str(error))
    return str(error), None


def _field_reason(message: str) -> tuple[str, str | None]:
    what, _, path = message.partition(" - at `$.")
    path = path.removesuffix("`")
    if missing := re.fullmatch(r"Object missing required field `([^`]+)`", what):
        return "missing", f"{path}.{missing[1]}" if path else missing[1]
    what = what.strip()
    if what == "Invalid RFC3339 encoded datetime":
        what = "is not a time such as 2026-01-31 23:59:59 or 2026-01-31T23:59:59Z"
    if own := re.fullmatch(r"(\w+): (.+)", what):
        return own[2], own[1]
    return what[0].lower() + what[1:], path or None


def json_schema(contract: type[Event]) -> dict[str, Any]:
    """The contract as a JSON Schema (2020-12)."""
    schema = msgspec.json.schema(contract)
    if contract.unix_time:
        fields = schema["$defs"][contract.__name__]["properties"]
        fields[json_name(contract, "timestamp")]["type"] = ["integer", "string"]
    return schema
