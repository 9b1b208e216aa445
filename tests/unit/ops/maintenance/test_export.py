"""Publishing what was staged, and comparing Hive with MySQL."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ops.maintenance import export
from ops.maintenance.export import ReconcileError, Total

DAY, NEXT_DAY = "2026-01-01", "2026-01-02"


def database(path: Path) -> sqlite3.Connection:
    """The table in a database that has transactions."""
    connection = sqlite3.connect(path)
    columns = "(window_start TEXT, source TEXT, source_number INTEGER NOT NULL, PRIMARY KEY (window_start, source))"
    connection.execute(f"CREATE TABLE IF NOT EXISTS commerce {columns}")
    return connection


def fill(connection: sqlite3.Connection, table: str, *rows: tuple[str, str, int | None]) -> None:
    """Put rows into a table."""
    connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)
    connection.commit()


def test_clicks_by_source_are_largest_first(tmp_path: Path) -> None:
    with closing(database(tmp_path / "db")) as connection:
        fill(connection, "commerce", ("10:00", "b", 4), ("10:05", "b", 1), ("10:00", "c", 9), ("10:00", "a", 5))
        assert export.commerce_by_source(connection) == [("c", 9), ("a", 5), ("b", 5)]


def test_equal_sides_do_not_differ() -> None:
    totals = {DAY: Total(3, 100), NEXT_DAY: Total(1, 7)}
    assert export.differences(totals, dict(totals)) == []
    export.require_equal(totals, dict(totals))
    export.require_equal({}, {})


@pytest.mark.parametrize(
    ("mysql", "said"),
    [
        ({DAY: Total(3, 99)}, f"{DAY}: HDFS has 3 windows with 100 clicks, MySQL 3 with 99"),
        ({DAY: Total(2, 100)}, f"{DAY}: HDFS has 3 windows with 100 clicks, MySQL 2 with 100"),
        ({}, f"{DAY}: HDFS has 3 windows with 100 clicks, MySQL 0 with 0"),
        (
            {DAY: Total(3, 100), NEXT_DAY: Total(1, 7)},
            f"{NEXT_DAY}: HDFS has 0 windows with 0 clicks, MySQL 1 with 7",
        ),
    ],
)
def test_every_difference_is_said_by_day(mysql: export.Totals, said: str) -> None:
    hive = {DAY: Total(3, 100)}
    assert export.differences(hive, mysql) == [said]
    with pytest.raises(ReconcileError, match=said):
        export.require_equal(hive, mysql)


@pytest.mark.parametrize(
    ("closed", "said"),
    [
        (1_767_258_300_000_000, "2026-01-01 09:05:00"),
        (1_767_258_300_999_999, "2026-01-01 09:05:00"),
        (-(2**62), "1970-01-01 00:00:00"),
    ],
)
def test_the_closing_watermark_is_said_in_utc(closed: int, said: str) -> None:
    assert export.closed_until({"progress": {"closed": closed}}) == said
