"""Answers as frames and words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from dashboard import frames
from eventmill.databases.query_engines import QueryResult

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROWS = frames.frame(
    QueryResult(
        ("hour", "browser", "os", "views"),
        ((0, "Chrome", "Windows", 5), (0, "Firefox", "Linux", 2), (3, "Chrome", "Linux", 4), (3, "Edge", "Windows", 1)),
    )
)


def rows_of(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    return [tuple(row) for row in frame.itertuples(index=False)]


def test_an_answer_without_rows_has_its_columns() -> None:
    empty = frames.frame(QueryResult(("country", "views")))
    assert empty.empty
    assert list(empty.columns) == ["country", "views"]


def test_equal_numbers_are_in_the_order_of_their_names() -> None:
    found = frames.top({"b": 2, "c": 9, "a": 2, "d": 1}, "name", "views", 3)
    assert list(found.columns) == ["name", "views"]
    assert rows_of(found) == [("c", 9), ("a", 2), ("b", 2)]


def test_the_largest_numbers_and_all_others_together() -> None:
    numbers = {"b": 2, "c": 9, "a": 2, "d": 1}
    assert rows_of(frames.top_and_other(numbers, "name", "views", 2)) == [("c", 9), ("a", 2), ("other (2)", 3)]
    assert rows_of(frames.top_and_other(numbers, "name", "views", 4)) == rows_of(
        frames.top(numbers, "name", "views", 4)
    )


def test_a_day_has_24_hours() -> None:
    hours = frames.by_hour(ROWS)
    assert hours["hour"].tolist() == list(range(24))
    assert {hour: views for hour, views in rows_of(hours) if views} == {0: 7, 3: 5}


def test_what_is_seldom_is_taken_together() -> None:
    found = frames.by_hour_and(ROWS, "browser", 1)
    assert rows_of(found) == [(0, "Chrome", 5), (0, "other (2)", 2), (3, "Chrome", 4), (3, "other (2)", 1)]
    assert rows_of(frames.by_hour_and(ROWS, "browser", 3)) == rows_of(ROWS[["hour", "browser", "views"]])


def test_the_table_has_each_combination_most_views_first() -> None:
    table = frames.table_by_hour(ROWS, "browser", "os")
    assert list(table.columns) == ["browser", "os", *(f"{hour:02}" for hour in range(24))]
    assert rows_of(table[["browser", "os", "00", "03", "23"]]) == [
        ("Chrome", "Windows", 5, 0, 0),
        ("Chrome", "Linux", 0, 4, 0),
        ("Firefox", "Linux", 2, 0, 0),
        ("Edge", "Windows", 0, 1, 0),
    ]


@pytest.mark.parametrize(
    ("since", "words"),
    [
        (timedelta(seconds=0), "0 seconds ago"),
        (timedelta(seconds=59), "59 seconds ago"),
        (timedelta(seconds=60), "1 minute ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=23), "23 hours ago"),
        (timedelta(days=2, hours=5), "2 days ago"),
        (timedelta(seconds=-1), "ahead of this machine's clock"),
    ],
)
def test_an_age_is_in_words(since: timedelta, words: str) -> None:
    assert frames.age(since) == words


def test_the_newest_data_has_its_time_and_age() -> None:
    found = frames.parse_time("2026-03-01 11:59:30.5")
    assert frames.newest_sentence(found, NOON) == "newest data: 2026-03-01 11:59:30 UTC, 29 seconds ago"


def test_texts_are_shown_as_people_may_see_them() -> None:
    rows = pd.DataFrame([("", 1), ("a\u202eb", 2)], columns=["name", "views"])
    assert rows_of(frames.shown(rows)) == [("(empty)", 1), (r"a\u202eb", 2)]
