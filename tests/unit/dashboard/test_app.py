"""The pages that there are, and what answers are asked again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import answers
from eventmill.config import settings
from eventmill.config.settings import ROOT
from eventmill.databases import leaderboard
from tests.support import settings as made_up
from tests.unit.dashboard.support import Engines, result


def test_the_first_page_is_visits(engines: Engines) -> None:
    st.cache_data.clear()
    engines.answers = {
        "visit-days": lambda: result("day views viewed_at"),
    }
    app = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=60).run()
    assert not app.exception
    assert [header.value for header in app.header] == ["Visits"]


def test_an_answer_is_kept_for_all_and_a_failure_is_not(engines: Engines) -> None:
    st.cache_data.clear()
    asked: list[Any] = []

    def board(*given: Any) -> None:
        asked.append(given)
        if len(asked) == 1:
            raise ConnectionError

    engines.set(leaderboard, "board", board)
    for _ in range(3):
        try:
            answers.board(timedelta(minutes=1), 10)
        except ConnectionError:
            continue
    assert len(asked) == 2


def test_the_pages_are_those_of_the_pipelines_that_run(engines: Engines) -> None:
    engines.set(settings, "load", lambda: made_up(enabled_pipelines="clicks,game"))
    engines.answers = {"live-platforms": lambda: result("window_start source source_number closed updated_at")}
    st.cache_data.clear()
    app = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=60).run()
    assert [header.value for header in app.header] == ["Clicks"]
