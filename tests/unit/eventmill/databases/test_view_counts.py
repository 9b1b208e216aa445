"""Views of products over a span of time: whole windows, and none outside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventmill.config.settings import Settings
from eventmill.databases import cassandra, view_counts
from tests.support import settings

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Session:
    """Takes the place of Cassandra's driver."""

    def prepare(self, statement: str) -> str:
        """As the driver's own."""
        return statement

    def execute(self, statement: str) -> list[tuple[datetime]]:
        """When the windows start; the driver's times have no zone."""
        known = [(NOON + timedelta(minutes=number)).replace(tzinfo=None) for number in (3, 9, 5)]
        return [(start,) for start in known] if statement == view_counts.ORDERS.windows else []


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The windows that are asked for; each has product-1 once and product-2 twice."""
    windows: list[datetime] = []

    @contextmanager
    def session(_: Settings) -> Iterator[Session]:
        yield Session()

    def execute(_client: Session, _query: str, given: Sequence[tuple[datetime]], concurrency: int) -> Any:
        windows.extend(window for (window,) in given)
        return [(True, [("product-1", 1), ("product-2", 2)]) for _ in given]

    monkeypatch.setattr(cassandra, "cassandra_session", session)
    monkeypatch.setattr("cassandra.concurrent.execute_concurrent_with_args", execute)
    return windows


def test_views_are_added_up_over_windows(asked: list[datetime]) -> None:
    found = view_counts.products(settings(), NOON, NOON + timedelta(minutes=3))
    assert found == Counter({"product-2": 6, "product-1": 3})
    assert asked == [NOON + timedelta(minutes=number) for number in range(3)]


def test_a_window_counts_if_it_starts_in_the_span(asked: list[datetime]) -> None:
    view_counts.products(settings(), NOON + timedelta(seconds=1), NOON + timedelta(seconds=61))
    assert asked == [NOON + timedelta(minutes=1)]
    asked.clear()
    view_counts.products(settings(), NOON, NOON)
    assert asked == []


def test_looks_at_orders_are_named_by_their_number(asked: list[datetime], monkeypatch: pytest.MonkeyPatch) -> None:
    def execute(_client: Session, query: str, given: Sequence[tuple[datetime]], concurrency: int) -> Any:
        assert query == view_counts.ORDERS.of_window
        return [(True, [(17, 2)]) for _ in given]

    monkeypatch.setattr("cassandra.concurrent.execute_concurrent_with_args", execute)
    assert view_counts.views_between(settings(), view_counts.ORDERS, NOON, NOON + timedelta(minutes=2)) == Counter(
        {"17": 4}
    )


def test_the_newest_window_ends_after_its_length(asked: list[datetime]) -> None:
    assert view_counts.newest_end(settings(), view_counts.ORDERS, timedelta(hours=1)) == NOON + timedelta(minutes=10)
    assert view_counts.newest_end(settings(), view_counts.PRODUCTS, timedelta(hours=1)) is None
