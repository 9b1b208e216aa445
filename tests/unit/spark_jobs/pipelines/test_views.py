"""Views: what was looked at is counted by window, each look once, and set in place of what was there."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from spark_jobs.processing.window_aggregation import Count
from spark_jobs.sinks.cassandra_views import ORDER_VIEW, ROWS, ViewTable
from tests.support import settings
from tests.unit.spark_jobs.support import MINUTE, START, ViewsPipeline, click

Make = Callable[..., ViewsPipeline]


def product(seconds: float, name: str, number: int | None = None) -> bytes:
    """A look at a product."""
    return click(seconds, number=number, properties={"productid": name})


def order_look(seconds: float, orderid: int) -> bytes:
    """A look at an order."""
    return json.dumps(
        {
            "event": "OrderView",
            "messageid": str(UUID(int=int(seconds * 1000) + 2**64)),
            "timestamp": f"{START + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}",
            "userid": "user-1",
            "orderid": orderid,
        }
    ).encode()


def test_looks_at_products_are_counted_by_window(views: Make) -> None:
    pipeline = views().feed(product(1, "product-1"), product(59, "product-1"), product(60, "product-2"))
    assert pipeline.counts == {(0, "product-1"): 2, (60, "product-2"): 1}
    pipeline.feed(product(2, "product-1", 9), product(61, "product-1"))
    assert pipeline.counts == {(0, "product-1"): 3, (60, "product-2"): 1, (60, "product-1"): 1}


def test_copies_and_late_looks_change_nothing(views: Make) -> None:
    pipeline = views().feed(product(1, "product-1", 1), product(1, "product-1", 1), product(20 * MINUTE, "product-2"))
    before = dict(pipeline.counts)
    pipeline.feed(product(1, "product-1", 1), product(2, "product-1"))
    assert pipeline.counts == before == {(0, "product-1"): 1, (20 * MINUTE, "product-2"): 1}


def test_only_what_a_batch_changes_is_set(views: Make) -> None:
    pipeline = views().feed(product(1, "product-1"))
    pipeline.set_last.clear()
    pipeline.feed(product(2, "product-2"))
    assert pipeline.set_last == [(0, "product-2")]


def test_a_replayed_batch_sets_the_same(views: Make) -> None:
    pipeline = views().feed(product(1, "product-1"))
    once = dict(pipeline.feed(product(2, "product-1"), product(3, "product-2")).counts)
    pipeline.batches -= 1
    pipeline.offsets = {0: 1}
    assert pipeline.feed(product(2, "product-1"), product(3, "product-2")).counts == once


def test_looks_at_orders_are_counted_by_their_number(views: Make) -> None:
    pipeline = views(of_orders=True).feed(order_look(1, 50_000), order_look(2, 50_000), order_look(3, 7), b"{")
    assert pipeline.counts == {(0, "50000"): 2, (0, "7"): 1}
    assert [headers["reason"] for headers in pipeline.rejected.values()] == ["Input data was truncated"]


class Session:
    """Takes the place of Cassandra's driver."""

    def prepare(self, statement: str) -> str:
        """As the driver's own."""
        return statement


class Batch(list[object]):
    """Takes the place of the driver's batch of statements."""

    def __init__(self, kind: object) -> None:
        super().__init__()

    def add(self, statement: object, values: object) -> None:
        """As the driver's own."""
        self.append(values)


def test_a_request_has_rows_of_one_window_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventmill.databases.cassandra.connect", lambda _: Session())
    monkeypatch.setattr("cassandra.query.BatchStatement", Batch)
    minute = 60_000_000
    counts = [Count(n % 2 * minute, n % 2 * minute + minute, str(n), n, n) for n in range(2 * ROWS + 2)]
    batches = list(ViewTable(settings(), ORDER_VIEW, int)._batches(counts))
    assert [len(batch) for batch in batches] == [ROWS, 1, ROWS, 1]
    assert all(len({row[0] for row in batch}) == 1 for batch in batches)
    assert sorted(row[1:] for batch in batches for row in batch) == [(n, n) for n in range(2 * ROWS + 2)]
