"""Model of shoppers: sessions of several kinds at times that fit the spec, the same for the same seed.

A session is a list of steps; where its kind says so, two of them lie a certain share of CART_TIMEOUT apart, so that a
cart is surely left, or kept in the last moment. Between sessions any time may pass. What comes of the carts is not
decided here: the rule of `cart_truth` tells it from the actions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ops.datagen.product_views import PRODUCTS, skewed, uuids
from ops.datagen.spec import CartsPlan

SOON, PAUSE = -1, -2
"""Waits that are not fixed: some seconds within a session, and what is left of the span between two of them."""

FIXED_SHARE = 0.7
"""The part of the span that fixed waits may take."""

SOON_MEAN, SOON_MOST = 15_000, 120_000
TELLING = 0.8
"""Share of the actions that tell what the cart is worth."""

FINAL = ("CHECKOUT", "ORDER")
"""Actions that always tell it."""


class PlannedAction(NamedTuple):
    """One action; its time in milliseconds since the epoch."""

    time: int
    userid: str
    name: str
    productid: str | None
    cart_value: int | None
    messageid: str = ""


class SessionStep(NamedTuple):
    """An action of a session, and the milliseconds before it or one of SOON and PAUSE."""

    name: str
    wait: int


class Some(NamedTuple):
    """An action that comes so many times."""

    name: str
    least: int
    most: int


class Pause(NamedTuple):
    """A wait of so many timeouts, and some milliseconds more."""

    least: float
    most: float
    more: int = 0


class SessionKind(NamedTuple):
    """A kind of session: how often it comes, in hundredths, and its parts."""

    share: int
    parts: tuple[Some | Pause, ...]


VIEW, CART, LOGOUT = Some("PRODUCT_VIEW", 1, 4), Some("SHOPPING_CART", 1, 3), Some("LOGOUT", 0, 1)
BROWSE = (Some("LOGIN", 0, 1), Some("SEARCH", 0, 2), VIEW)
CHECKOUT, ORDER = Some("CHECKOUT", 1, 1), Some("ORDER", 1, 1)
WITHIN, AFTER, LAST_MOMENT, SECOND_LATER = Pause(0.3, 0.9), Pause(1.05, 1.4), Pause(1, 1), Pause(1, 1, 1000)
KINDS = {
    "looked around": SessionKind(34, (*BROWSE, LOGOUT)),
    "ordered": SessionKind(20, (*BROWSE, CART, CHECKOUT, ORDER, LOGOUT)),
    "ordered twice": SessionKind(6, (*BROWSE, CART, CHECKOUT, ORDER, VIEW, CART, CHECKOUT, ORDER)),
    "left a cart": SessionKind(8, (*BROWSE, CART, LOGOUT)),
    "left at checkout": SessionKind(6, (*BROWSE, CART, CHECKOUT)),
    "came back in time": SessionKind(6, (*BROWSE, CART, WITHIN, *BROWSE, CART, CHECKOUT, ORDER)),
    "came back too late": SessionKind(8, (*BROWSE, CART, AFTER, *BROWSE, LOGOUT)),
    "left two carts": SessionKind(4, (*BROWSE, CART, CHECKOUT, AFTER, *BROWSE, CART, AFTER, VIEW)),
    "ordered in the last moment": SessionKind(4, (*BROWSE, CART, LAST_MOMENT, ORDER)),
    "ordered a second too late": SessionKind(4, (*BROWSE, CART, CHECKOUT, SECOND_LATER, ORDER)),
}
ALL = list(KINDS.values())
QUICK = [kind for kind in ALL if not any(isinstance(part, Pause) for part in kind.parts)]


def planned_actions(plan: CartsPlan) -> list[PlannedAction]:
    """The actions of all users, in the order of their times."""
    chance = np.random.default_rng([plan.seed, 0])
    found = sorted(action for user, number in enumerate(_budgets(plan)) for action in _of_user(plan, user, number))
    return [
        action._replace(messageid=messageid) for action, messageid in zip(found, uuids(chance, len(found)), strict=True)
    ]


def _budgets(plan: CartsPlan) -> list[int]:
    """Number of actions of each user; the first ones do four times as much as the last ones."""
    weights = 1 + 3 * (1 - np.arange(plan.users) / plan.users) ** 2
    bounds = np.rint(np.cumsum(weights) / weights.sum() * plan.count).astype(np.int64)
    budgets: list[int] = np.diff(bounds, prepend=0).tolist()
    return budgets


def _of_user(plan: CartsPlan, user: int, number: int) -> Iterator[PlannedAction]:
    """The actions of one user, still without identities."""
    chance = np.random.default_rng([plan.seed, 1, user])
    steps = _steps(chance, plan, ALL[user % len(ALL)], number)
    products = skewed(chance, number, PRODUCTS)
    tells = (chance.random(number) < TELLING).tolist()
    worth, last, viewed = None, 0, 0
    for time, step, product, told in zip(_times(chance, plan, steps), steps, products, tells, strict=True):
        if time > last + plan.timeout * 1000:
            worth = None
        if step.name == "PRODUCT_VIEW":
            viewed = product
        elif step.name == "SHOPPING_CART":
            product = viewed or product
            worth = (worth or 0) + price(product)
        name = f"product-{product}" if step.name in ("PRODUCT_VIEW", "SHOPPING_CART") else None
        yield PlannedAction(time, f"user-{user + 1}", step.name, name, worth if told or step.name in FINAL else None)
        worth, last = None if step.name == "ORDER" else worth, time


def price(product: int) -> int:
    """Price of a product, in cents."""
    return 199 + product * 7919 % 20_000


def _steps(chance: np.random.Generator, plan: CartsPlan, first: SessionKind, number: int) -> list[SessionStep]:
    """The steps of a user's sessions; the first is of that kind, if the span has room for it, the others by chance."""
    room = plan.span * 1000 * FIXED_SHARE
    steps: list[SessionStep] = []
    while len(steps) < number:
        session = _session(chance, _pick(chance, ALL) if steps else first, plan.timeout)
        if _fixed(session) > room:
            session = _session(chance, _pick(chance, QUICK), plan.timeout)
        room -= _fixed(session)
        steps += session
    return steps[:number]


def _pick(chance: np.random.Generator, kinds: Sequence[SessionKind]) -> SessionKind:
    bounds = np.cumsum([kind.share for kind in kinds])
    return kinds[int(np.searchsorted(bounds, chance.random() * bounds[-1], side="right"))]


def _session(chance: np.random.Generator, kind: SessionKind, timeout: int) -> list[SessionStep]:
    steps, wait = [], PAUSE
    for part in kind.parts:
        if isinstance(part, Pause):
            wait = int(timeout * 1000 * chance.uniform(part.least, part.most)) + part.more
            continue
        for _ in range(int(chance.integers(part.least, part.most + 1))):
            steps.append(SessionStep(part.name, wait))
            wait = SOON
    return steps


def _fixed(steps: Sequence[SessionStep]) -> int:
    return sum(step.wait for step in steps if step.wait > 0)


def _times(chance: np.random.Generator, plan: CartsPlan, steps: Sequence[SessionStep]) -> list[int]:
    """The times of a user's steps, within the span and none twice."""
    waits = np.array([step.wait for step in steps], dtype=np.int64)
    soon, pause = waits == SOON, waits == PAUSE
    # Each wait is a millisecond longer, so that none is nothing.
    free = plan.span * 1000 - waits[waits > 0].sum() - len(steps)
    mean, most = min(SOON_MEAN, plan.timeout * 100), min(SOON_MOST, plan.timeout * 250)
    within = np.minimum(chance.exponential(mean, soon.sum()), most)
    within *= min(1.0, free / 2 / max(1.0, within.sum()))
    between = chance.exponential(1, pause.sum() + 1)
    between *= (free - within.sum()) / between.sum()
    waits[soon], waits[pause] = within.astype(np.int64) + 1, between[:-1].astype(np.int64) + 1
    times: list[int] = (int(plan.start.timestamp() * 1000) + np.cumsum(waits)).tolist()
    return times
