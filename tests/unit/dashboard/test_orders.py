"""The page of orders: those of each day, and those that are looked up."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
import requests

from dashboard import orders
from eventmill.databases import view_counts
from eventmill.databases.query_engines import QueryResult, SqlError
from tests.unit.dashboard.support import Engines, charts_of, page_of, result, words_of

END = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAYS = result("ordered_on orders users", ("2026-02-28", 1200, 90), ("2026-03-01", 1100, 80))


def fill(engines: Engines) -> None:
    engines.answers = {"orders-by-day": lambda: DAYS}
    engines.set(view_counts, "views_between", lambda _settings, table, begin, end: Counter({"17": 3, "4": 3, "9": 8}))
    engines.set(view_counts, "newest_end", lambda _settings, table, _span: END if table == view_counts.ORDERS else None)


def test_orders_are_by_day(engines: Engines) -> None:
    fill(engines)
    page = page_of("orders")
    assert charts_of(page)["orders by day"] == [
        {"day": "2026-02-28", "orders": 1200, "users": 90},
        {"day": "2026-03-01", "orders": 1100, "users": 80},
    ]
    assert [metric.value for metric in page.metric] == ["1,100", "80", "14", "3"]


def test_orders_that_are_looked_up_are_in_order(engines: Engines) -> None:
    fill(engines)
    looks = charts_of(page_of("orders"))["views by order"]
    assert [(row["order"], row["views"]) for row in looks] == [("9", 8), ("17", 3), ("4", 3)]


def test_presto_away_is_one_sentence(engines: Engines) -> None:
    def away() -> QueryResult:
        raise requests.ConnectionError("refused")

    fill(engines)
    engines.answers = {"orders-by-day": away}
    page = page_of("orders")
    assert [warning.value for warning in page.warning] == [
        "Presto does not answer. Start it with `eventmill up presto`."
    ]
    assert list(charts_of(page)) == ["views by order"]


def test_a_missing_table_says_what_makes_it(engines: Engines) -> None:
    def missing() -> QueryResult:
        raise SqlError("Presto: Table hive.default.order_events does not exist")

    fill(engines)
    engines.answers = {"orders-by-day": missing}
    assert [warning.value for warning in page_of("orders").warning] == [
        "Presto: Table hive.default.order_events does not exist. "
        "`eventmill tables orders` makes the tables and lets Hive find new days."
    ]


def test_no_orders_says_what_to_start(engines: Engines) -> None:
    fill(engines)
    engines.answers = {"orders-by-day": lambda: QueryResult(DAYS.columns)}
    assert "`eventmill shop run`" in words_of(page_of("orders"))


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (datetime(2026, 3, 1, 23, tzinfo=UTC), "today"),
        (datetime(2026, 3, 2, 1, tzinfo=UTC), "1 day ago"),
        (datetime(2026, 3, 4, tzinfo=UTC), "3 days ago"),
        (datetime(2026, 2, 27, tzinfo=UTC), "ahead of this machine's clock"),
    ],
)
def test_the_newest_day_has_its_age(now: datetime, words: str) -> None:
    assert orders.days_ago("2026-03-01", now) == words


def test_a_few_orders_with_an_odd_date_are_told_and_take_no_place(engines: Engines) -> None:
    fill(engines)
    odd = result("ordered_on orders users", ("1970-01-01", 2, 1), *DAYS.rows, ("2038-01-19", 3, 3))
    engines.answers = {"orders-by-day": lambda: odd}
    page = page_of("orders")
    assert [row["day"] for row in charts_of(page)["orders by day"]] == ["2026-02-28", "2026-03-01"]
    assert [metric.value for metric in page.metric][:2] == ["1,100", "80"]
    assert "5 orders are of other days: 1970-01-01 to 2038-01-19" in words_of(page)
