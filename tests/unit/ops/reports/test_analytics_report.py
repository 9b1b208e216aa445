"""The analytics report: what is in it, and that no name in the data becomes more than text."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import hypothesis
import pytest

from eventmill.databases import named_queries, query_engines
from eventmill.text.printable import visible
from ops.reports import analytics_report
from ops.reports.analytics_report import AnalyticsReport
from tests.support import settings
from tests.unit.any_text import any_text

MADE = datetime(2026, 1, 1, 12, 0, 0, 999, tzinfo=UTC)
EVIL = "<script>alert(1)</script>|\n`*x*`"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, query_engines.QueryResult]:
    """What Presto answers to each query; a test may change it."""
    given = {
        query.name: query_engines.QueryResult(
            ("host", "number"), (("user1.comcast.com", 156), ("user2.att.com", Decimal(52)))
        )
        for query in named_queries.read_queries(named_queries.FOLDER / "game.sql")
    }
    by_statement = {query.statement: query.name for query in named_queries.all_queries().values()}
    monkeypatch.setitem(query_engines.ENGINES, "presto", lambda _, statement: given[by_statement[statement]])
    return given


def made() -> AnalyticsReport:
    """The report on the game, as Presto answers."""
    values = settings(game_topic="played")
    sections = [
        analytics_report.answer_query(values, query, "presto") for query in analytics_report.questions("game", "presto")
    ]
    return AnalyticsReport("game", "presto", MADE, analytics_report.steps(values, "game", "presto"), sections)


def test_every_query_is_answered_in_both_texts(answers: dict[str, query_engines.QueryResult]) -> None:
    for text in (made().html(), made().markdown()):
        for query in answers:
            assert query in text
        assert "user1.comcast.com" in text
        assert "2026-01-01 12:00:00 UTC" in text


def test_the_pipeline_is_told_by_the_names_that_are_set(answers: dict[str, query_engines.QueryResult]) -> None:
    for name in ("topic played", "played.rejected", "game_events", "sword_purchases", "local[*]"):
        assert name in made().html()


def test_files_are_written_with_their_charts(answers: dict[str, query_engines.QueryResult], tmp_path: Path) -> None:
    written = {path.name for path in analytics_report.write_files(made(), tmp_path)}
    charts = {f"{name}.svg" for name in analytics_report.CHARTED}
    assert written == {"game.html", "game-mail.html", "game.md"} | charts
    assert written == {path.name for path in tmp_path.iterdir()}
    assert (tmp_path / "game.html").read_text().count("<svg") == len(charts)
    assert "<svg" not in (tmp_path / "game-mail.html").read_text()


def test_the_same_answers_give_the_same_bytes(answers: dict[str, query_engines.QueryResult]) -> None:
    assert made().html() == made().html()


def test_names_from_the_data_stay_text(answers: dict[str, query_engines.QueryResult]) -> None:
    answers["game-purchases"] = query_engines.QueryResult(("host", "purchases"), ((EVIL, 1),))
    page, text = made().html(), made().markdown()
    assert "<script>" not in page
    assert "<script>" not in text
    [line] = [line for line in text.splitlines() if "alert" in line]
    assert r"\|\\x0a\`\*x\*\`" in line


@hypothesis.settings(max_examples=20, deadline=None, derandomize=True)
@hypothesis.given(any_text())
def test_no_name_acts_on_who_reads_a_report(name: str) -> None:
    query = next(named_queries.read_queries(named_queries.FOLDER / "game.sql"))
    sections = [analytics_report.section(query, query_engines.QueryResult((name, "number"), ((name, 1),)))]
    found = AnalyticsReport("game", "presto", MADE, (), sections)
    for text in (found.html(), found.markdown()):
        assert text.replace("\n", "").isprintable()
    assert visible(name) in html.unescape(found.html())


def test_an_empty_game_is_said(answers: dict[str, query_engines.QueryResult]) -> None:
    for name in answers:
        answers[name] = query_engines.QueryResult(("host", "number"), ())
    for text in (made().html(), made().markdown()):
        assert "No events yet" in text


def test_an_unknown_pipeline_is_told_with_those_that_have_a_report() -> None:
    with pytest.raises(analytics_report.ReportError, match="there is no report on 'clicks'; there are game"):
        analytics_report.questions("clicks", "presto")


def test_an_engine_that_cannot_answer_all_is_refused() -> None:
    with pytest.raises(named_queries.QueryError, match="hive"):
        analytics_report.questions("game", "hive")
