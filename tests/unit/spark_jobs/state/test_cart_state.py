"""What becomes of a shopper's cart and of the counts, action by action."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from spark_jobs.state.cart_state import CartAction, Clock, OpenCart, Shopper, advance_shopper

TIMEOUT, WINDOW, FAR = 600, 5, 10_000
Step = tuple[int, str]


def actions(*steps: Step) -> list[CartAction]:
    """Actions of one shopper, given as time and name; the id is the time."""
    return [CartAction(at, 0, at, f"id-{at}", name, f"product-{at}", at * 10) for at, name in steps]


def timed_out(*steps: Step, closed: int = FAR) -> list[tuple[str, int, int]]:
    """The carts whose time is over: the id of the action that opened each, its last action's time, and its items."""
    turn = advance_shopper(Shopper(), actions(*steps), Clock(WINDOW, closed, TIMEOUT))
    return [(cart.messageid, cart.last, cart.items) for cart in turn.timed_out]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([(10, "PRODUCT_VIEW"), (20, "CHECKOUT")], []),
        ([(10, "SHOPPING_CART")], [("id-10", 10, 1)]),
        ([(10, "SHOPPING_CART"), (20, "ORDER")], []),
        ([(10, "SHOPPING_CART"), (610, "ORDER")], []),
        ([(10, "SHOPPING_CART"), (611, "ORDER")], [("id-10", 10, 1)]),
        ([(10, "SHOPPING_CART"), (500, "SEARCH"), (1000, "SHOPPING_CART"), (1500, "LOGOUT")], [("id-10", 1500, 2)]),
        ([(10, "SHOPPING_CART"), (700, "SHOPPING_CART"), (800, "ORDER")], [("id-10", 10, 1)]),
        ([(10, "SHOPPING_CART"), (20, "ORDER"), (30, "SHOPPING_CART")], [("id-30", 30, 1)]),
        ([(10, "ORDER"), (20, "SHOPPING_CART"), (15, "LOGIN")], [("id-20", 20, 1)]),
    ],
)
def test_a_cart_is_abandoned_when_no_order_comes_in_time(
    steps: Sequence[Step], expected: list[tuple[str, int, int]]
) -> None:
    assert timed_out(*steps) == expected


@pytest.mark.parametrize(("closed", "number"), [(10, 0), (610, 0), (614, 0), (615, 1), (620, 1)])
def test_its_time_is_over_when_no_order_in_time_can_come_any_more(closed: int, number: int) -> None:
    assert len(timed_out((10, "SHOPPING_CART"), closed=closed)) == number


def test_the_cart_tells_what_it_came_to() -> None:
    steps = actions((10, "SHOPPING_CART"), (20, "SHOPPING_CART"))
    steps += [CartAction(30, 0, 30, "id-30", "CHECKOUT", None, None)]
    (cart,) = advance_shopper(Shopper(), steps, Clock(WINDOW, FAR, TIMEOUT)).timed_out
    assert cart == OpenCart("id-10", 10, 30, "CHECKOUT", 2, "product-20", 200)


def test_counts_are_of_the_whole_window_and_only_those_that_changed() -> None:
    clock = Clock(WINDOW, 10, TIMEOUT)
    first = advance_shopper(Shopper(), actions((10, "LOGIN"), (12, "SEARCH"), (13, "SEARCH"), (16, "SEARCH")), clock)
    assert first.counts == {(10, "LOGIN"): 1, (10, "SEARCH"): 2, (15, "SEARCH"): 1}
    assert advance_shopper(first.shopper, actions((14, "SEARCH")), clock).counts == {(10, "SEARCH"): 3}
    assert advance_shopper(first.shopper, [], clock).counts == {}


def test_only_what_can_still_matter_is_kept() -> None:
    clock = Clock(WINDOW, 22, TIMEOUT)
    turn = advance_shopper(Shopper(), actions((10, "SHOPPING_CART"), (19, "SEARCH"), (20, "SEARCH")), clock)
    assert turn.shopper.cart is not None
    assert (turn.shopper.cart.last, [action.time for action in turn.shopper.actions]) == (19, [20])
    assert advance_shopper(turn.shopper, actions((21, "ORDER")), Clock(WINDOW, 30, TIMEOUT)).shopper == Shopper()


@pytest.mark.parametrize("seed", range(20))
def test_the_outcome_does_not_depend_on_how_the_actions_are_divided(seed: int) -> None:
    chance = random.Random(seed)
    names = ["SHOPPING_CART", "SEARCH", "CHECKOUT", "ORDER"]
    times = sorted(chance.sample(range(10_000), 60))
    steps = actions(*((at, chance.choice(names)) for at in times))
    whole = advance_shopper(Shopper(), steps, Clock(WINDOW, 20_000, TIMEOUT))
    shopper = Shopper()
    carts: list[OpenCart] = []
    counts: dict[tuple[int, str], int] = {}
    # Each action comes at most 50 later than one that is newer.
    came = sorted(steps, key=lambda action: action.time + chance.random() * 50)
    while came:
        part, came = came[: (cut := chance.randint(1, 9))], came[cut:]
        closed = max(action.time for action in part) - 50
        turn = advance_shopper(shopper, part, Clock(WINDOW, closed, TIMEOUT))
        shopper, carts, counts = turn.shopper, [*carts, *turn.timed_out], counts | turn.counts
    last = advance_shopper(shopper, [], Clock(WINDOW, 20_000, TIMEOUT))
    assert [*carts, *last.timed_out] == whole.timed_out
    assert counts == whole.counts
