"""The page of clicks: windows by platform, and one engine that does not take the other with it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import mysql.connector
from cassandra.cluster import NoHostAvailable

from dashboard import clicks, frames
from eventmill import views
from eventmill.sql import Result
from tests.unit.dashboard.support import Engines, charts_of, page_of, result, words_of

END = datetime(2026, 3, 1, 12, tzinfo=UTC)
COLUMNS = "window_start window_end source views closed updated_at"
ROWS = (
    ("2026-03-01 11:50:00", "2026-03-01 11:55:00", "tablet", 7, 1, "2026-03-01 11:57:00"),
    ("2026-03-01 11:50:00", "2026-03-01 11:55:00", "手机", 2, 1, "2026-03-01 11:57:00"),
    ("2026-03-01 11:55:00", "2026-03-01 12:00:00", "手机", 6, 0, "2026-03-01 11:59:30"),
)


def products(_settings: Any, table: views.Table, begin: datetime, end: datetime) -> Counter[str]:
    """As many looks at each product as the span has hours."""
    assert (table, end) == (views.PRODUCTS, END)
    return Counter({f"product-{number}": (end - begin) // timedelta(hours=1) for number in range(20)})


def no_host(*_: Any) -> Any:
    raise NoHostAvailable("Unable to connect to any servers", {})


def fill(engines: Engines) -> None:
    engines.answers = {"live-platforms": lambda: result(COLUMNS, *ROWS)}
    engines.set(views, "looks", products)
    engines.set(views, "newest_end", lambda _settings, _table: END)


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
    assert clicks.by_window(rows)["window"].tolist()[-2:] == ["03-01 11:55:00", "03-02 00:00:00"]


def test_the_span_of_products_is_picked(engines: Engines) -> None:
    fill(engines)
    page = page_of("clicks")
    assert [metric.value for metric in page.metric] == ["120", "20"]
    assert len(charts_of(page)["views by product"]) == 10
    page.button_group[0].set_value("1 hour").run()
    assert [metric.value for metric in page.metric] == ["20", "20"]


def test_cassandra_away_leaves_the_platforms(engines: Engines) -> None:
    fill(engines)
    engines.set(views, "newest_end", no_host)
    page = page_of("clicks")
    assert [warning.value for warning in page.warning] == [
        "Cassandra does not answer. Start it with `eventmill up cassandra`."
    ]
    assert "product views by platform" in charts_of(page)


def test_mysql_away_leaves_the_products(engines: Engines) -> None:
    def away() -> Result:
        raise mysql.connector.OperationalError("refused", errno=2003)

    fill(engines)
    engines.answers = {"live-platforms": away}
    page = page_of("clicks")
    assert [warning.value for warning in page.warning] == ["MySQL does not answer. Start it with `eventmill up mysql`."]
    assert list(charts_of(page)) == ["views by product"]


def test_nothing_yet_says_what_to_start(engines: Engines) -> None:
    engines.answers = {"live-platforms": lambda: result(COLUMNS)}
    engines.set(views, "newest_end", lambda _settings, _table: None)
    page = page_of("clicks")
    assert [info.value.partition(". ")[0] for info in page.info] == ["No windows yet", "No looks yet"]
    assert words_of(page).count("`eventmill send clicks FILE`") == 2
