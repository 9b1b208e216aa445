"""The page of visits: the day, the pickers, and what it says when there is nothing."""

from __future__ import annotations

from typing import Any

import psycopg
import streamlit as st

from eventmill.databases.query_engines import QueryResult
from tests.unit.dashboard.support import Engines, charts_of, page_of, result, words_of

COUNTRIES = {"Germany": 6, "Peru": 3}
PRODUCTS = {"7": 5, "9": 4}


def fill(engines: Engines) -> None:
    """Nine views on one day, none on others."""

    def of_day(day: str, found: QueryResult) -> QueryResult:
        return found if day == "2026-03-01" else QueryResult(found.columns)

    def most(day: str, name: str, views: dict[str, int], top: str | None) -> QueryResult:
        assert top is None or int(top) > 10
        return of_day(day, result(f"{name} views", *views.items()))

    engines.answers = {
        "visit-days": lambda: result("day views viewed_at", ("2026-03-01", 9, "2026-03-01 11:59:59")),
        "browsers-by-hour": lambda day: of_day(
            day, result("hour browser os views", (0, "Chrome", "Windows", 5), (11, "Safari", "iOS", 4))
        ),
        "top-products": lambda day, top=None: most(day, "product_id", PRODUCTS, top),
        "top-countries": lambda day, top=None: most(day, "country", COUNTRIES, top),
        "top-referrers": lambda day: result("referrer views", ("direct", 9)),
        "stores-by-country": lambda day, country: result(
            "country store_id views", *((country, str(store), COUNTRIES[country]) for store in range(20))
        ),
        "products-by-hour": lambda day, product: result(
            "product_id hour views", *([(product, 11, PRODUCTS[product])] if product in PRODUCTS else [])
        ),
    }


def away() -> QueryResult:
    raise psycopg.OperationalError("connection refused")


def test_the_newest_day_is_shown_at_first(engines: Engines) -> None:
    fill(engines)
    page = page_of("visits")
    assert page.selectbox[0].value == "2026-03-01"
    assert [metric.value for metric in page.metric] == ["9", "00:00, 5 views"]
    charts = charts_of(page)
    assert charts["views by product"] == [{"product": "7", "views": 5}, {"product": "9", "views": 4}]
    assert charts["views by country"] == [{"country": "Germany", "views": 6}, {"country": "Peru", "views": 3}]
    assert charts["views by referrer"] == [{"referrer": "direct", "views": 9}]
    assert charts["views by hour and os"] == [
        {"hour": 0, "os": "Windows", "views": 5, "rank": 1},
        {"hour": 11, "os": "iOS", "views": 4, "rank": 2},
    ]
    assert "newest data: 2026-03-01 11:59:59 UTC, " in words_of(page)


def test_the_picked_country_has_its_stores(engines: Engines) -> None:
    fill(engines)
    page = page_of("visits")
    assert page.selectbox[2].options == ["Germany", "Peru"]
    assert charts_of(page)["views by store"][0]["views"] == 6
    page.selectbox[2].select("Peru").run()
    stores = charts_of(page)["views by store"]
    assert {row["views"] for row in stores} == {3}
    assert len(stores) == 15
    assert len(page.dataframe[0].value) == 20


def test_the_picked_product_has_its_hours(engines: Engines) -> None:
    fill(engines)
    page = page_of("visits")
    page.selectbox[1].select("9").run()
    hours = charts_of(page)["views of product 9 by hour"]
    assert [(row["hour"], row["views"]) for row in hours if row["views"]] == [(11, 4)]
    assert len(hours) == 24


def days(*views: tuple[str, int]) -> QueryResult:
    return result("day views viewed_at", *((day, number, f"{day} 11:59:59") for day, number in views))


def test_a_few_views_with_an_odd_date_are_picked_only_by_hand(engines: Engines) -> None:
    fill(engines)
    engines.answers["visit-days"] = lambda: days(("1970-01-01", 1), ("2026-03-01", 29), ("2038-01-19", 2))
    page = page_of("visits")
    assert page.selectbox[0].options == ["2038-01-19: 2 views", "2026-03-01: 29 views", "1970-01-01: 1 views"]
    assert page.selectbox[0].value == "2026-03-01"
    assert "newest data: 2026-03-01 11:59:59 UTC" in words_of(page)


def test_the_picked_day_stays_while_data_come(engines: Engines) -> None:
    fill(engines)
    known: list[tuple[str, int]] = [("2026-02-28", 9), ("2026-03-01", 9)]
    engines.answers["visit-days"] = lambda: days(*known)
    asked: list[Any] = []
    of_day = engines.answers["browsers-by-hour"]
    engines.answers["browsers-by-hour"] = lambda day: asked.append(day) or of_day(day)  # type: ignore[func-returns-value]
    page = page_of("visits")
    page.selectbox[0].select("2026-02-28").run()
    known[:] = [("2026-02-27", 1), ("2026-02-28", 9), ("2026-03-01", 12)]
    st.cache_data.clear()
    page.run()
    assert (page.selectbox[0].value, asked[-1]) == ("2026-02-28", "2026-02-28")


def test_a_product_is_text(engines: Engines) -> None:
    fill(engines)
    engines.answers["top-products"] = lambda day, top=None: result("product_id views", ("**7** `x` :red[y]\u202e", 9))
    page = page_of("visits")
    assert r"No views of product `` **7** `x` :red[y]\u202e `` on 2026-03-01 (UTC)." in words_of(page)
    assert page.selectbox[1].options == [r"**7** `x` :red[y]\u202e"]


def test_an_empty_schema_says_what_to_start(engines: Engines) -> None:
    engines.answers = {"visit-days": days}
    page = page_of("visits")
    assert len(page.selectbox) == 0
    assert "`eventmill send visits FILE`" in words_of(page)


def test_postgresql_away_is_one_sentence(engines: Engines) -> None:
    engines.answers = {"visit-days": away}
    page = page_of("visits")
    assert [warning.value for warning in page.warning] == [
        "PostgreSQL does not answer. Start it with `eventmill up postgres`."
    ]


def test_places_are_credited_whatever_the_page_shows(engines: Engines) -> None:
    fill(engines)
    assert "(https://db-ip.com)" in words_of(page_of("visits"))
    engines.answers["visit-days"] = away
    assert "(https://db-ip.com)" in words_of(page_of("visits"))
