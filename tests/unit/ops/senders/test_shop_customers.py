"""Customers: what they ask the shop for, and that they try again what it did not answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
import requests

from ops.senders import shop_customers
from ops.senders.shop_customers import Customers, ShopError
from tests.support import settings


class Shop:
    """Answers as the shop does; fails as often as it's told to, after it has done what was asked."""

    def __init__(self) -> None:
        self.failures: Iterator[int | Exception] = iter(())
        self.orders: dict[str, int] = {}
        self.completed: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()

    def request(self, method: str, url: str, headers: dict[str, str] | None = None, **_: Any) -> requests.Response:
        """As a session's own."""
        self.asked[method] += 1
        reply = requests.Response()
        reply.status_code = 200
        if method == "POST":
            number = self.orders.setdefault((headers or {})["Idempotency-Key"], len(self.orders) + 1)
            reply._content = json.dumps({"orderid": number}).encode()
        else:
            reply._content = b"{}"
        if method == "PATCH":
            self.completed[url.rpartition("/")[2]] += 1
        failure = next(self.failures, 200)
        if isinstance(failure, Exception):
            raise failure
        reply.status_code = failure
        return reply


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop without orders."""
    made = Shop()
    monkeypatch.setattr(requests.Session, "request", lambda _, *arguments, **named: made.request(*arguments, **named))
    monkeypatch.setattr(shop_customers, "RETRY_SECONDS", 0)
    return made


def test_the_same_seed_makes_the_same_steps(shop: Shop) -> None:
    first, second = (list(islice(Customers(settings(), 7).steps(), 50)) for _ in range(2))
    assert first == second
    assert Counter(first).keys() == set(shop_customers.STEPS)
    assert len(shop.orders) == Counter(first)["ordered"]


def test_what_is_not_answered_is_tried_again_and_not_done_twice(shop: Shop) -> None:
    shop.failures = iter([503, requests.ConnectionError("gone"), 429, 200] * 100)
    busy = Customers(settings(), 7)
    done = Counter(islice(busy.steps(), 100))
    assert len(shop.orders) == len(busy.ordered) == done["ordered"]
    assert shop.asked["POST"] > done["ordered"]
    assert len(shop.completed) == done["completed"]


def test_a_refusal_ends_it_with_the_shops_words(shop: Shop) -> None:
    shop.failures = iter([422])
    with pytest.raises(ShopError, match="the shop refuses POST /v1/orders"):
        next(Customers(settings(), 7).steps())


def test_patience_ends(shop: Shop) -> None:
    shop.failures = iter([503] * 1000)
    with pytest.raises(ShopError, match="does not answer"):
        next(Customers(settings(), 7, patience=0).steps())
