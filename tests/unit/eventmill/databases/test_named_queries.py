"""Named queries: how files hold them, and when two answers are equal."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from eventmill.config.settings import Settings
from eventmill.databases import query_engines
from eventmill.databases.named_queries import QueryError, all_queries, first_difference, query, read_queries
from eventmill.databases.query_engines import QueryResult
from tests.support import settings

TWO = """-- Some words.

-- name: first-one
-- about: the first
-- engines: presto, hive
SELECT 1;

-- name: second
-- about: the second
-- engines: mysql
SELECT
  2;
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "line.sql"
    path.write_text(text)
    return path


def test_a_file_holds_queries_below_their_heads(tmp_path: Path) -> None:
    first, second = read_queries(write(tmp_path, TWO))
    assert (first.name, first.about, first.engines, first.statement) == (
        "first-one",
        "the first",
        ("presto", "hive"),
        "SELECT 1;",
    )
    assert (second.engines, second.statement) == (("mysql",), "SELECT\n  2;")


def test_a_query_without_its_head_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match=r"line.sql: each query needs the lines"):
        list(read_queries(write(tmp_path, TWO.replace("-- about: the second\n", ""))))


def test_an_unknown_engine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="second: no engine is called oracle; there are presto, hive, mysql, spark"):
        list(read_queries(write(tmp_path, TWO.replace("mysql", "oracle"))))


def test_an_unknown_name_is_told_the_known_ones() -> None:
    assert {"platform-views", "busiest-windows", "export-differences"} <= all_queries().keys()
    with pytest.raises(QueryError, match=r"no query is called 'nonsense'; there are .*platform-views"):
        query("nonsense")


def test_an_engine_that_cannot_answer_is_refused() -> None:
    with pytest.raises(QueryError, match="export-differences can be asked of presto, not of mysql"):
        query("export-differences").ask(settings(), "mysql")


def test_a_parameter_is_null_unless_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, str | None]] = []

    def postgres(_settings: Settings, _statement: str, values: dict[str, str | None]) -> QueryResult:
        asked.append(values)
        return QueryResult()

    monkeypatch.setattr(query_engines, "postgres", postgres)
    stores = query("stores-by-country")
    assert stores.parameters == {"day": "day", "country": "text"}
    stores.ask(settings(), "postgres")
    stores.ask(settings(), "postgres", country="Peru")
    assert asked == [{"day": None, "country": None}, {"day": None, "country": "Peru"}]


def test_an_unknown_parameter_is_told_the_known_ones() -> None:
    with pytest.raises(QueryError, match="stores-by-country has no parameter 'contry'; it has day, country"):
        query("stores-by-country").ask(settings(), "postgres", contry="Peru")
    with pytest.raises(QueryError, match="platform-views has no parameter 'day'; it has none"):
        query("platform-views").ask(settings(), "mysql", day="2026-03-01")


def asked_with(folder: Path, engine: str, head: str) -> Path:
    """A file whose second query has a parameter, with this line in its head."""
    return write(
        folder, TWO.replace("-- engines: mysql\n", f"-- engines: {engine}\n{head}").replace("  2;", "%(two)s;")
    )


def test_an_engine_that_takes_no_parameters_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="second: only postgres can be asked with parameters"):
        list(read_queries(asked_with(tmp_path, "mysql", "-- parameters: two text\n")))


@pytest.mark.parametrize("head", ["", *(f"-- parameters: {given}\n" for given in ("one text", "two letters", "two"))])
def test_a_parameter_without_its_kind_is_refused(tmp_path: Path, head: str) -> None:
    with pytest.raises(QueryError, match=r"second: the line `-- parameters: …` names each .* one of day, number, text"):
        list(read_queries(asked_with(tmp_path, "postgres", head)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("day", value)
            for value in ("tomorrow", "2026-2-1", "2026-02-30", "", "20260301", "infinity", "\uff12026-03-01")
        ),
        *(("top", value) for value in ("ten", "0", "-1", "1.5", "1e3", "9" * 19)),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_with_what_is_allowed(name: str, value: str) -> None:
    allowed = {"day": "a day such as 2026-03-01", "top": "a whole number from 1 on"}
    with pytest.raises(QueryError, match=f"top-products: {name}='{value}' is not {allowed[name]}"):
        query("top-products").ask(settings(), "postgres", **{name: value})


def test_numbers_are_equal_by_value() -> None:
    presto, mysql = (
        QueryResult(("a", "b"), ((1, 0.1 + 0.2),)),
        QueryResult(("a", "b"), ((Decimal("1.0"), Decimal("0.3")),)),
    )
    assert first_difference(presto, mysql) is None
    assert first_difference(QueryResult(("a",), ((True,),)), QueryResult(("a",), ((1,),))) is None


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (QueryResult(("b",), ((1,),)), "columns a and b"),
        (QueryResult(("a",), ((2,),)), "row 1: 1 and 2"),
        (QueryResult(("a",), (("1",),)), "row 1: 1 and 1"),
        (QueryResult(("a",), ((1,), (1,))), "1 rows and 2"),
    ],
)
def test_a_difference_is_told(other: QueryResult, told: str) -> None:
    assert first_difference(QueryResult(("a",), ((1,),)), other) == told
