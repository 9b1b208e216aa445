"""The pages that there are, and what answers are asked again."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import streamlit as st
from streamlit.commands import navigation
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from streamlit.testing.v1 import AppTest, local_script_runner

from dashboard import answers, panel
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


@pytest.mark.parametrize(
    ("address", "title"),
    [("", "Visits"), ("visits", "Visits"), ("clicks", "Clicks"), ("carts", "Carts"), ("orders", "Orders")],
)
def test_each_page_opens_by_its_own_address(
    address: str, title: str, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing: list[object] = []
    monkeypatch.setattr(local_script_runner, "RerunData", partial(RerunData, page_name=address))
    monkeypatch.setattr(navigation, "send_page_not_found", missing.append)
    monkeypatch.setattr(panel, "error_sentence", lambda *_: "no engine answers")
    st.cache_data.clear()
    app = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=60).run()
    assert [header.value for header in app.header] == [title]
    assert missing == []


def test_an_answer_is_kept_for_all_and_a_failure_is_not(engines: Engines) -> None:
    st.cache_data.clear()
    asked: list[Any] = []

    def board(*given: Any) -> None:
        asked.append(given)
        if len(asked) == 1:
            raise ConnectionError

    engines.set(leaderboard, "top_users", board)
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
