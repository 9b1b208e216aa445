"""Ground truth of a generated file of user actions: every cart, and the number of each user's actions.

The rule: a user's SHOPPING_CART opens a cart while none is open, every action of the user renews it, another
SHOPPING_CART adds to it, ORDER ends it. When the next action comes more than the timeout later, or none comes, it was
abandoned.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from eventmill.config.atomic_files import staged
from ops.datagen.ground_truth import Planted, read_as
from ops.datagen.shopper_model import PlannedAction

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ExpectedCart(msgspec.Struct, frozen=True):
    """A cart, and what came of it.

    Attributes:
        messageid: that of the action which opened it.
        last_action_at: when the user did something last, which is the order if there was one; so for the others.
        items: how often a product was put into it.
        cart_value: what it was worth, in cents, by the last action that told; None when none did.
        outcome: `open` when the file ends before its time is over.
        timestamp: when its time was over, or will be if nothing more comes; None when it was ordered.
    """

    messageid: str
    userid: str
    opened_at: datetime
    last_action_at: datetime
    last_action: str
    items: int
    productid: str
    cart_value: int | None
    outcome: Literal["ordered", "abandoned", "open"]
    timestamp: datetime | None


class ExpectedScore(msgspec.Struct, frozen=True, array_like=True):
    """Number of a user's actions of one kind in a window; encoded as a list, for there are many."""

    window_start: datetime
    userid: str
    action: str
    number: int


class CartsTruth(msgspec.Struct, frozen=True):
    """The truth of one generated file.

    Attributes:
        count: the unique actions that are on time; all but `lines`, `planted` and `broken_kinds` is about them.
        lines: all records of the file.
        end: the newest time of an action.
        carts: by the time at which they were opened.
        totals: how often each user did what.
    """

    seed: int
    count: int
    lines: int
    planted: Planted
    broken_kinds: dict[str, int]
    window_seconds: int
    watermark_seconds: int
    timeout_seconds: int
    end: datetime
    carts: list[ExpectedCart]
    totals: dict[str, dict[str, int]]
    windows: list[ExpectedScore]


def from_millis(millis: int) -> datetime:
    """The time so many milliseconds after the epoch, exactly."""
    return EPOCH + timedelta(milliseconds=millis)


def carts(actions: Sequence[PlannedAction], timeout: int) -> list[ExpectedCart]:
    """The carts of actions that are in the order of their times; `timeout` in seconds."""
    by_user: defaultdict[str, list[PlannedAction]] = defaultdict(list)
    for action in actions:
        by_user[action.userid].append(action)
    groups = [group for user in by_user.values() for group in _grouped(user, timeout * 1000)]
    found = [_cart(group, timeout, from_millis(actions[-1].time)) for group in groups]
    return sorted(found, key=lambda cart: (cart.opened_at, cart.messageid))


def _grouped(actions: Iterable[PlannedAction], timeout: int) -> Iterator[list[PlannedAction]]:
    """The actions of one user that belong to a cart, cart by cart."""
    cart: list[PlannedAction] = []
    for action in actions:
        if cart and action.time > cart[-1].time + timeout:
            yield cart
            cart = []
        if cart or action.name == "SHOPPING_CART":
            cart.append(action)
        if cart and action.name == "ORDER":
            yield cart
            cart = []
    if cart:
        yield cart


def _cart(actions: Sequence[PlannedAction], timeout: int, end: datetime) -> ExpectedCart:
    last, products = actions[-1], [action.productid for action in actions if action.name == "SHOPPING_CART"]
    over = from_millis(last.time) + timedelta(seconds=timeout)
    ordered = last.name == "ORDER"
    return ExpectedCart(
        messageid=actions[0].messageid,
        userid=last.userid,
        opened_at=from_millis(actions[0].time),
        last_action_at=from_millis(last.time),
        last_action=last.name,
        items=len(products),
        productid=str(products[-1]),
        cart_value=next((action.cart_value for action in reversed(actions) if action.cart_value is not None), None),
        outcome="ordered" if ordered else "abandoned" if over < end else "open",
        timestamp=None if ordered else over,
    )


def action_totals(actions: Iterable[PlannedAction]) -> dict[str, dict[str, int]]:
    """Number of actions by user and kind."""
    found: dict[str, dict[str, int]] = {}
    for (userid, name), number in sorted(Counter((action.userid, action.name) for action in actions).items()):
        found.setdefault(userid, {})[name] = number
    return found


def scores(actions: Iterable[PlannedAction], window: int) -> list[ExpectedScore]:
    """Number of actions by user and kind in each window of so many seconds."""
    length = window * 1000
    counts = Counter((action.time // length * length, action.userid, action.name) for action in actions)
    return [
        ExpectedScore(from_millis(start), userid, name, number)
        for (start, userid, name), number in sorted(counts.items())
    ]


def abandoned_by(truth: CartsTruth, cutoff: datetime) -> list[ExpectedCart]:
    """The carts that timed out at or before a time, in that order; past the end of the file, if nothing more comes."""
    timed_out = [(cart.timestamp, cart.messageid, cart) for cart in truth.carts if cart.timestamp]
    return [cart for over, _, cart in sorted(timed_out, key=lambda entry: entry[:2]) if over <= cutoff]


def counts_by(truth: CartsTruth, cutoff: datetime) -> dict[tuple[datetime, str, str], int]:
    """The counts by window, user and action in the windows that end at or before a time."""
    latest = cutoff - timedelta(seconds=truth.window_seconds)
    return {(s.window_start, s.userid, s.action): s.number for s in truth.windows if s.window_start <= latest}


def write_cart_truth(truth: CartsTruth, path: Path) -> None:
    """Write the truth as JSON, an element of its lists a line; whole or not at all."""
    fields = [b'"%b": %b' % (name.encode(), _value(value)) for name, value in msgspec.structs.asdict(truth).items()]
    with staged(path) as file:
        file.write(b"{\n" + b",\n".join(fields) + b"\n}\n")


def _value(value: object) -> bytes:
    if isinstance(value, list) and value:
        return b"[\n " + b",\n ".join(map(msgspec.json.encode, value)) + b"\n]"
    return msgspec.json.encode(value)


def read_cart_truth(path: Path) -> CartsTruth:
    """Read a truth file.

    Raises:
        TruthError: when it is missing or is not what `eventmill generate carts` writes.
    """
    return read_as(path, CartsTruth)
