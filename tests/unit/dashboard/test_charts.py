"""Charts: what they draw, and in which order."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from dashboard import charts

BROWSERS = pd.DataFrame([(0, "Firefox", 1), (0, "Chrome", 5), (1, "Firefox", 2)], columns=["hour", "browser", "views"])


def drawn(chart: charts.Chart) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A chart's specification and the rows in it."""
    specification = chart.to_dict()
    (rows,) = specification["datasets"].values()
    return specification, rows


def test_bars_are_in_the_order_of_the_rows_with_room_for_their_numbers() -> None:
    frame = pd.DataFrame([("b", 10), ("a", 4)], columns=["name", "views"])
    specification, rows = drawn(charts.bars(frame, "name", "views"))
    assert rows == [{"name": "b", "views": 10}, {"name": "a", "views": 4}]
    bar, number = specification["layer"]
    assert bar["encoding"]["y"]["sort"] is None
    assert bar["encoding"]["x"]["scale"]["domainMax"] > 10
    assert (number["mark"]["type"], number["encoding"]["text"]["field"]) == ("text", "views")


def test_parts_are_ranked_by_their_totals() -> None:
    specification, rows = drawn(charts.by_hour_and(BROWSERS, "browser", "2026-03-01"))
    assert specification["encoding"]["color"]["scale"]["domain"] == ["Chrome", "Firefox"]
    assert {row["browser"]: row["rank"] for row in rows} == {"Chrome": 1, "Firefox": 2}
    assert specification["encoding"]["x"]["scale"]["domain"] == list(range(24))
    assert [tip["field"] for tip in specification["encoding"]["tooltip"]] == ["hour", "browser", "views"]


def test_all_others_together_come_last() -> None:
    frame = pd.DataFrame([(0, "other (9)", 90), (0, "Chrome", 5), (0, "Edge", 7)], columns=["hour", "browser", "views"])
    specification, _ = drawn(charts.by_hour_and(frame, "browser", "2026-03-01"))
    assert specification["encoding"]["color"]["scale"]["domain"] == ["Edge", "Chrome", "other (9)"]


def test_open_windows_are_lighter() -> None:
    frame = pd.DataFrame([("12:00", "tablet", 3, "open")], columns=["window", "source", "views", "state"])
    opacity = drawn(charts.by_window(frame, "source", ""))[0]["encoding"]["opacity"]
    assert dict(zip(opacity["scale"]["domain"], opacity["scale"]["range"], strict=True)) == {"final": 1, "open": 0.5}


def test_columns_are_of_the_number_that_is_asked_for() -> None:
    frame = pd.DataFrame([("2026-03-01", 7, 5)], columns=["day", "orders", "users"])
    assert drawn(charts.by_day(frame, "orders"))[0]["encoding"]["y"]["field"] == "orders"
    assert drawn(charts.by_hour(BROWSERS, "2026-03-01"))[0]["encoding"]["y"]["field"] == "views"


def test_axes_of_time_say_their_day() -> None:
    for chart in (charts.by_hour(BROWSERS, "2026-03-01"), charts.by_hour_and(BROWSERS, "browser", "2026-03-01")):
        assert drawn(chart)[0]["encoding"]["x"]["title"] == "hour of 2026-03-01, UTC"


@pytest.mark.parametrize("rows", [1, 3, 10])
def test_bars_are_as_high_as_their_number_and_the_edges(rows: int) -> None:
    frame = pd.DataFrame([(f"name-{number}", number) for number in range(rows)], columns=["name", "views"])
    specification, _ = drawn(charts.bars(frame, "name", "views"))
    assert specification["height"] == charts.BAR * rows + charts.EDGES


@pytest.mark.parametrize("parts", [1, 2, 11, 40])
def test_the_columns_keep_their_height_however_many_parts_the_legend_names(parts: int) -> None:
    frame = pd.DataFrame([(0, f"b-{number:02}", 1) for number in range(parts)], columns=["hour", "browser", "views"])
    specification, _ = drawn(charts.by_hour_and(frame, "browser", "2026-03-01"))
    legend = specification["encoding"]["color"]["legend"]
    assert specification["height"] - charts.ENTRY * -(-parts // legend["columns"]) == charts.HEIGHT + charts.LEGEND
