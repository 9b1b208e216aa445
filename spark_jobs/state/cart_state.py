"""State of shoppers, action after action: counts for the leader board, and carts whose time is over.

All times are microseconds since the epoch. An action is settled once its window is closed: none that is older can come
after it. Only then it moves the shopper's cart, so the outcome depends on the order of the times alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from eventmill.contracts.events import CartTimedOut
from spark_jobs.sinks.parquet_tables import utc_time


@dataclass(frozen=True)
class Score:
    """Number of a user's actions of one kind in a window; times in microseconds since the epoch."""

    window_start: int
    window_end: int
    userid: str
    action: str
    number: int


class CartAction(msgspec.Struct, array_like=True, frozen=True, order=True):
    """An action, in the order in which the shopper's actions count: by time, then as they are in Kafka."""

    time: int
    partition: int
    offset: int
    messageid: str
    name: str
    productid: str | None
    cart_value: int | None


class OpenCart(msgspec.Struct, array_like=True, frozen=True):
    """A cart that is open: the action that opened it, and what it came to since."""

    messageid: str
    opened: int
    last: int
    last_action: str
    items: int
    productid: str
    cart_value: int | None


class Shopper(msgspec.Struct, array_like=True, frozen=True):
    """State of a shopper: the cart, as far as the settled actions go, and the actions after them."""

    cart: OpenCart | None = None
    actions: tuple[CartAction, ...] = ()


@dataclass(frozen=True)
class Clock:
    """Event time of the pipeline.

    Attributes:
        window: length of the leader board's windows.
        closed: the closing watermark.
        timeout: how long after a shopper's last action the cart is abandoned.
    """

    window: int
    closed: int
    timeout: int

    def settled(self) -> int:
        """The start of the first window that is open: every action before it is known."""
        return self.closed // self.window * self.window

    def window_of(self, moment: int) -> int:
        """The start of the window of a time."""
        return moment // self.window * self.window


@dataclass(frozen=True)
class Turn:
    """Result of a batch for a shopper: the new state, the carts whose time is over, and the counts that changed."""

    shopper: Shopper
    timed_out: Sequence[OpenCart]
    counts: dict[tuple[int, str], int]


def advance_shopper(shopper: Shopper, new: Sequence[CartAction], clock: Clock) -> Turn:
    """Add a batch's new actions, none of them in a closed window, and settle what can be."""
    actions = sorted((*shopper.actions, *new))
    changed = {(clock.window_of(action.time), action.name) for action in new}
    counts = Counter((clock.window_of(action.time), action.name) for action in actions)
    settled = clock.settled()
    cart, timed_out = shopper.cart, []
    for action in actions:
        if action.time < settled:
            cart, over = _act(cart, action, clock.timeout)
            timed_out += over
    # One at the last moment would still be in time.
    if cart and cart.last + clock.timeout < settled:
        timed_out.append(cart)
        cart = None
    waiting = tuple(action for action in actions if action.time >= settled)
    return Turn(Shopper(cart, waiting), timed_out, {key: counts[key] for key in sorted(changed)})


def _act(cart: OpenCart | None, action: CartAction, timeout: int) -> tuple[OpenCart | None, list[OpenCart]]:
    """The cart after an action, and the one whose time was over before it."""
    if cart and action.time > cart.last + timeout:
        return _act(None, action, timeout)[0], [cart]
    if action.name == "ORDER":
        return None, []
    if action.name == "SHOPPING_CART":
        return _added(cart, action), []
    return cart and _renewed(cart, action), []


def _added(cart: OpenCart | None, action: CartAction) -> OpenCart:
    assert action.productid is not None
    if cart is None:
        cart = OpenCart(action.messageid, action.time, action.time, action.name, 0, action.productid, None)
    return msgspec.structs.replace(_renewed(cart, action), items=cart.items + 1, productid=action.productid)


def _renewed(cart: OpenCart, action: CartAction) -> OpenCart:
    value = cart.cart_value if action.cart_value is None else action.cart_value
    return msgspec.structs.replace(cart, last=action.time, last_action=action.name, cart_value=value)


def timed_out_event(userid: str, cart: OpenCart, timeout: int) -> CartTimedOut:
    """The event that a cart's time is over."""
    return CartTimedOut(
        messageid=UUID(cart.messageid),
        timestamp=utc_time(cart.last + timeout),
        userid=userid,
        opened_at=utc_time(cart.opened),
        last_action_at=utc_time(cart.last),
        last_action=cart.last_action,
        items=cart.items,
        productid=cart.productid,
        cart_value=cart.cart_value,
    )
