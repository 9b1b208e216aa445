"""Pages of the dashboard without a browser, and engines that give what a test says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from eventmill.config import settings
from eventmill.databases import named_queries
from eventmill.databases.query_engines import QueryResult
from tests.support import settings as made_up

Answer = Callable[..., QueryResult]


class Engines:
    """Take the place of the engines: each named query gives what it is set to, for its parameters."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: dict[str, Answer] = {}
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(
            named_queries.NamedQuery, "ask", lambda query, _, engine, **given: self._ask(query, engine, **given)
        )
        monkeypatch.setattr(settings, "load", made_up)

    def _ask(self, query: named_queries.NamedQuery, engine: str, **given: str) -> QueryResult:
        query.require(engine)
        assert set(given) <= set(query.parameters)
        return self.answers[query.name](**given)

    def set(self, module: object, name: str, answer: Callable[..., Any]) -> None:
        """Let a function of a module give this."""
        self._monkeypatch.setattr(module, name, answer)


def result(columns: str, *rows: tuple[Any, ...]) -> QueryResult:
    """An answer with these columns, named in one text."""
    return QueryResult(tuple(columns.split()), rows)


def page_of(pipeline: str) -> AppTest:
    """The page of a pipeline as it is at first, with nothing kept from before."""
    st.cache_data.clear()
    page = AppTest.from_string(f"from dashboard import {pipeline}\n{pipeline}.page()\n", default_timeout=60).run()
    assert not page.exception, page.exception
    return page


def words_of(page: AppTest) -> str:
    """What a page tells apart from its panels' numbers."""
    return "\n".join(str(part.value) for part in (*page.info, *page.warning, *page.caption))


def height_of(page: AppTest, chart: str) -> int:
    """The height of a chart in pixels."""
    return int(_specification(page, chart)["height"])


def axis_of(page: AppTest, chart: str) -> str:
    """What the axis of time of a chart says."""
    return str(_specification(page, chart)["encoding"]["x"]["title"])


def _specification(page: AppTest, chart: str) -> dict[str, Any]:
    protos: list[Any] = [element.proto for element in page.get("vega_lite_chart")]
    return next(dict(json.loads(proto.spec)) for proto in protos if proto.alt == chart)


def charts_of(page: AppTest) -> dict[str, list[dict[str, Any]]]:
    """The rows of each chart, by what the chart is called."""
    found = {}
    for element in page.get("vega_lite_chart"):
        proto: Any = element.proto
        with pa.ipc.open_stream(proto.datasets[0].data.data) as stream:
            found[proto.alt] = stream.read_all().to_pylist()
    return found
