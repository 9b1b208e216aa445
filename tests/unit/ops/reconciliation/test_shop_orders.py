"""Each order's event is looked for, but for those of days that are as they were when all were found."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import pytest

from eventmill.databases import mysql
from ops.reconciliation import shop_orders
from ops.reconciliation.last_check import Promised
from ops.reconciliation.shop_orders import Kept
from tests.support import settings
from tests.unit.ops.reconciliation.shop_orders import Orders

FIRST, SECOND = "2026-01-01", "2026-01-02"
BOTH = {FIRST: ["0aa0-1", "0bb0-2"], SECOND: ["0cc0-3"]}
STORED = {FIRST: {"0aa01", "0bb02", "of-others"}, SECOND: {"0cc03"}}


def compare(
    monkeypatch: pytest.MonkeyPatch,
    orders: Orders,
    stored: Mapping[str, set[str]],
    noted: Mapping[str, Promised] = {},
    same: Collection[str] = (FIRST, SECOND),
) -> Kept:
    """What a check finds."""
    monkeypatch.setattr(mysql, "connect", orders.connect)
    with shop_orders.of_shop(settings()) as shop:
        return shop_orders.compare(shop, noted, same, lambda day: frozenset(stored.get(day, ())))


def test_what_is_not_stored_on_its_day_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    found = compare(monkeypatch, Orders(BOTH), STORED | {SECOND: set()})
    assert (found.promised, found.kept, set(found.days)) == (3, 2, {FIRST})


def test_days_that_are_as_they_were_are_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    noted = compare(monkeypatch, Orders(BOTH), STORED).days
    orders = Orders(BOTH)
    assert compare(monkeypatch, orders, {}, noted) == Kept(3, 3, noted)
    assert orders.asked == []


CHANGES: dict[str, Callable[[Orders], object]] = {
    "one more": lambda orders: orders.days[SECOND].append("0dd0-4"),
    "one less": lambda orders: orders.days[FIRST].pop(),
    "another": lambda orders: orders.days.update({SECOND: ["0ee0-5"]}),
    "a new day": lambda orders: orders.days.update({"2026-01-03": ["0ff0-6"]}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_orders_that_changed_are_compared_as_if_nothing_had_been_noted(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[Orders], object]
) -> None:
    noted = compare(monkeypatch, Orders(BOTH), STORED).days
    orders, again = Orders(BOTH), Orders(BOTH)
    change(orders)
    change(again)
    assert compare(monkeypatch, orders, STORED, noted) == compare(monkeypatch, again, STORED)
    assert len(orders.asked) == 1


def test_a_day_whose_stored_events_changed_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    noted = compare(monkeypatch, Orders(BOTH), STORED).days
    found = compare(monkeypatch, Orders(BOTH), {}, noted, same=[SECOND])
    assert (found.promised, found.kept, set(found.days)) == (3, 1, {SECOND})
