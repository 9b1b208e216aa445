"""The page of visits: the day, the pickers, and what it says when there is nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime

import psycopg

from eventmill.sql import Result
from tests.unit.dashboard.support import Engines, charts_of, page_of, result, words_of

COUNTRIES = {"Germany": 6, "Peru": 3}
PRODUCTS = {"7": 5, "9": 4}


def fill(engines: Engines) -> None:
    """Nine views on one day, none on others."""

    def of_day(day: str, found: Result) -> Result:
        return found if day == "2026-03-01" else Result(found.columns)

    def most(day: str, name: str, views: dict[str, int], top: str | None) -> Result:
        assert top is None or int(top) > 10
        return of_day(day, result(f"{name} views", *views.items()))

    engines.answers = {
        "newest-visit": lambda: result("day viewed_at", ("2026-03-01", "2026-03-01 11:59:59")),
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


def away() -> Result:
    raise psycopg.OperationalError("connection refused")


def test_the_newest_day_is_shown_at_first(engines: Engines) -> None:
    fill(engines)
    page = page_of("visits")
    assert page.date_input[0].value == date(2026, 3, 1)
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
    assert page.selectbox[1].options == ["Germany", "Peru"]
    assert charts_of(page)["views by store"][0]["views"] == 6
    page.selectbox[1].select("Peru").run()
    stores = charts_of(page)["views by store"]
    assert {row["views"] for row in stores} == {3}
    assert len(stores) == 15
    assert len(page.dataframe[0].value) == 20


def test_the_picked_product_has_its_hours(engines: Engines) -> None:
    fill(engines)
    page = page_of("visits")
    page.selectbox[0].select("9").run()
    hours = charts_of(page)["views of product 9 by hour"]
    assert [(row["hour"], row["views"]) for row in hours if row["views"]] == [(11, 4)]
    assert len(hours) == 24


def test_a_day_without_views_says_so(engines: Engines) -> None:
    fill(engines)
    page = page_of("visits")
    page.date_input[0].set_value(date(2026, 2, 1)).run()
    assert "No views on 2026-02-01 (UTC). The newest day with views is 2026-03-01." in words_of(page)
    assert charts_of(page) == {}


def test_an_empty_schema_says_what_to_start(engines: Engines) -> None:
    engines.answers = {
        "newest-visit": lambda: result("day viewed_at"),
        "browsers-by-hour": lambda day: result("hour browser os views"),
    }
    page = page_of("visits")
    assert page.date_input[0].value == datetime.now(UTC).date()
    assert "`eventmill send visits FILE`" in words_of(page)


def test_postgresql_away_is_one_sentence(engines: Engines) -> None:
    engines.answers = {"newest-visit": away}
    page = page_of("visits")
    assert [warning.value for warning in page.warning] == [
        "PostgreSQL does not answer. Start it with `eventmill up postgres`."
    ]


def test_places_are_credited_whatever_the_page_shows(engines: Engines) -> None:
    fill(engines)
    assert "(https://db-ip.com)" in words_of(page_of("visits"))
    engines.answers["newest-visit"] = away
    assert "(https://db-ip.com)" in words_of(page_of("visits"))
