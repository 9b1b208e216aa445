"""The page of clicks: windows by platform, and one engine that does not take the other with it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import mysql.connector
import pytest
from cassandra.cluster import NoHostAvailable

from dashboard import charts as charting
from dashboard import clicks, frames
from eventmill.databases import view_counts
from eventmill.databases.query_engines import QueryResult
from tests.unit.dashboard.support import Engines, axis_of, charts_of, height_of, page_of, result, words_of

END = datetime(2026, 3, 1, 12, tzinfo=UTC)
COLUMNS = "window_start window_end source views closed updated_at"
ROWS = (
    ("2026-03-01 11:50:00", "2026-03-01 11:55:00", "tablet", 7, 1, "2026-03-01 11:57:00"),
    ("2026-03-01 11:50:00", "2026-03-01 11:55:00", "手机", 2, 1, "2026-03-01 11:57:00"),
    ("2026-03-01 11:55:00", "2026-03-01 12:00:00", "手机", 6, 0, "2026-03-01 11:59:30"),
)


def products(_settings: Any, table: view_counts.Table, begin: datetime, end: datetime) -> Counter[str]:
    """As many looks at each product as the span has hours."""
    assert (table, end) == (view_counts.PRODUCTS, END)
    return Counter({f"product-{number}": (end - begin) // timedelta(hours=1) for number in range(20)})


def no_host(*_: Any) -> Any:
    raise NoHostAvailable("Unable to connect to any servers", {})


def fill(engines: Engines) -> None:
    engines.answers = {"live-platforms": lambda: result(COLUMNS, *ROWS)}
    engines.set(view_counts, "views_between", products)
    engines.set(view_counts, "newest_end", lambda _settings, _table, _span: END)


def test_windows_are_by_platform_and_open_ones_told_apart(engines: Engines) -> None:
    fill(engines)
    charts = charts_of(page_of("clicks"))
    windows = charts["product views by window and platform"]
    assert [(row["window"], row["source"], row["views"], row["state"]) for row in windows] == [
        ("11:50:00", "tablet", 7, "final"),
        ("11:50:00", "手机", 2, "final"),
        ("11:55:00", "手机", 6, "open"),
    ]
    assert charts["product views by platform"] == [{"source": "手机", "views": 8}, {"source": "tablet", "views": 7}]


def test_windows_of_several_days_have_their_day() -> None:
    rows = frames.frame(result(COLUMNS, *ROWS, ("2026-03-02 00:00:00", "2026-03-02 00:05:00", "tablet", 1, 0, "")))
    assert clicks.by_window(rows)["window"].tolist()[-2:] == ["2026-03-01 11:55:00", "2026-03-02 00:00:00"]
    assert clicks.only_day(rows) == ""


def test_the_chart_says_the_day_of_its_windows(engines: Engines) -> None:
    fill(engines)
    assert axis_of(page_of("clicks"), "product views by window and platform") == "start of the window, 2026-03-01 UTC"


@pytest.mark.parametrize("number", [11, 40, 500])
def test_of_many_platforms_the_largest_are_shown_and_the_others_together(engines: Engines, number: int) -> None:
    fill(engines)
    start, end, *_ = ROWS[0]
    many = [(start, end, f"source-{place:03}", 1000 - place, 1, end) for place in range(number)]
    engines.answers = {"live-platforms": lambda: result(COLUMNS, *many)}
    page = page_of("clicks")
    charts = charts_of(page)
    shown = [f"source-{place:03}" for place in range(10)]
    other = (f"other ({number - 10})", sum(views for _, _, _, views, *_ in many[10:]))
    for rows in (charts["product views by platform"], charts["product views by window and platform"]):
        assert [row["source"] for row in rows][:10] == shown
        assert [(row["source"], row["views"]) for row in rows][10:] == [other]
    legend = 6 * charting.ENTRY
    assert height_of(page, "product views by window and platform") == charting.HEIGHT + charting.LEGEND + legend


def test_the_text_of_a_platform_is_text(engines: Engines) -> None:
    fill(engines)
    start, end, *_ = ROWS[0]
    name = "**a** [b](http://c) <b>\u202ed\x1b[31m\n"
    engines.answers = {"live-platforms": lambda: result(COLUMNS, (start, end, name, 1, 1, end))}
    for chart in ("product views by platform", "product views by window and platform"):
        assert charts_of(page_of("clicks"))[chart][0]["source"] == r"**a** [b](http://c) <b>\u202ed\x1b[31m\x0a"


def test_the_span_of_products_is_picked(engines: Engines) -> None:
    fill(engines)
    page = page_of("clicks")
    assert [metric.value for metric in page.metric] == ["120", "20"]
    assert len(charts_of(page)["views by product"]) == 10
    page.button_group[0].set_value("1 hour").run()
    assert [metric.value for metric in page.metric] == ["20", "20"]


def test_cassandra_away_leaves_the_platforms(engines: Engines) -> None:
    fill(engines)
    engines.set(view_counts, "newest_end", no_host)
    page = page_of("clicks")
    assert [warning.value for warning in page.warning] == [
        "Cassandra does not answer. Start it with `eventmill up cassandra`."
    ]
    assert "product views by platform" in charts_of(page)


def test_mysql_away_leaves_the_products(engines: Engines) -> None:
    def away() -> QueryResult:
        raise mysql.connector.OperationalError("refused", errno=2003)

    fill(engines)
    engines.answers = {"live-platforms": away}
    page = page_of("clicks")
    assert [warning.value for warning in page.warning] == ["MySQL does not answer. Start it with `eventmill up mysql`."]
    assert list(charts_of(page)) == ["views by product"]


def test_nothing_yet_says_what_to_start(engines: Engines) -> None:
    engines.answers = {"live-platforms": lambda: result(COLUMNS)}
    engines.set(view_counts, "newest_end", lambda _settings, _table, _span: None)
    page = page_of("clicks")
    assert [info.value.partition(". ")[0] for info in page.info] == ["No windows yet", "No looks yet"]
    assert words_of(page).count("`eventmill send clicks FILE`") == 2
