"""Answers look the same whichever engine gave them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from eventmill.databases import query_engines
from eventmill.databases.query_engines import QueryResult

RESULT = QueryResult(
    ("source", "n", "share", "t"), (("手机", 3, Decimal("1.50"), "2026-01-01 00:00:00"), (None, 1, None, 'a,"b'))
)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 1, 1), "2026-01-01 00:00:00"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01 00:00:00"),
        (datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), "2026-01-01 00:00:00"),
        (datetime(2026, 1, 1, 0, 0, 0, 250_000), "2026-01-01 00:00:00.25"),
        (datetime(2026, 1, 1, 10, 10, 10, 1), "2026-01-01 10:10:10.000001"),
    ],
)
def test_times_are_in_utc_with_a_fraction_only_where_there_is_one(moment: datetime, expected: str) -> None:
    assert query_engines.time_text(moment) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (None, None),
        (7, 7),
        (True, True),
        (Decimal("1.50"), Decimal("1.50")),
        ("téléphone", "téléphone"),
        (date(2026, 1, 31), "2026-01-31"),
        (bytearray("手".encode()), "手"),
        ([1, None], "[1,null]"),
        ({"a": 1}, '{"a":1}'),
    ],
)
def test_each_type_has_one_form(cell: Any, expected: object) -> None:
    assert query_engines.normalized(cell) == expected


def test_csv_has_a_header_and_empty_fields_for_null() -> None:
    assert query_engines.as_csv(RESULT) == 'source,n,share,t\n手机,3,1.50,2026-01-01 00:00:00\n,1,,"a,""b"'


def test_json_keeps_numbers_and_null() -> None:
    assert json.loads(query_engines.as_json(RESULT))[1] == {"source": None, "n": 1, "share": None, "t": 'a,"b'}
    assert '"share":1.50' in query_engines.as_json(RESULT)


def test_a_statement_without_an_answer_gives_nothing() -> None:
    assert query_engines._fetch(SimpleNamespace(description=None)) == QueryResult()
    assert (query_engines.as_csv(QueryResult()), query_engines.as_json(QueryResult())) == ("", "[]")


def test_the_semicolon_of_consoles_is_taken_away() -> None:
    assert query_engines._single(" SELECT 1 ;\n") == "SELECT 1 "


def test_hives_own_message_is_found_in_its_reply() -> None:
    reply = SimpleNamespace(status=SimpleNamespace(errorMessage="Table not found 'x'\n\tat org.apache"))
    assert query_engines._hive_message(RuntimeError(reply)) == "Table not found 'x'"
    assert query_engines._hive_message(RuntimeError("gone")) == "gone"


@pytest.mark.parametrize(("cell", "shown"), [(None, "NULL"), (True, "true"), (1, "1"), ("x", "x")])
def test_values_are_shown_as_text(cell: query_engines.Value, shown: str) -> None:
    assert query_engines.cell_text(cell) == shown
