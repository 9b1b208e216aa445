"""Panels: what is foreseen is a sentence, and nothing else is hidden."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import streamlit as st
from cassandra import UnresolvableContactPoints

from dashboard import charts, panel
from eventmill.config import settings
from eventmill.config.settings import Settings
from eventmill.databases.query_engines import SqlError
from tests.support import settings as made_up
from tests.unit.dashboard.support import Engines


def test_what_nobody_foresaw_is_raised() -> None:
    assert panel.error_sentence(ZeroDivisionError("division by zero"), "") is None
    with pytest.raises(ZeroDivisionError), panel.panel("one"):
        raise ZeroDivisionError


def test_the_name_of_a_container_that_is_down_leads_nowhere(engines: Engines) -> None:
    assert panel.error_sentence(UnresolvableContactPoints({}), "") == (
        "Cassandra does not answer. Start it with `eventmill up cassandra`."
    )


def test_a_refusal_is_the_engines_own_word_and_the_hint() -> None:
    assert panel.error_sentence(SqlError("MySQL: no table"), "Make it.") == "MySQL: no table. Make it."
    assert panel.error_sentence(SqlError("MySQL: no table"), "") == "MySQL: no table."


def test_in_containers_compose_starts_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> Settings:
        return made_up(services_by="compose")

    monkeypatch.setattr(settings, "load", load)
    assert panel.start_hint("mysql") == "`docker compose up -d mysql`"


@pytest.mark.parametrize(
    ("theme", "colour"), [("dark", panel.ON_DARK), ("light", panel.ON_LIGHT), (None, panel.ON_LIGHT)]
)
def test_the_numbers_of_bars_can_be_read_on_any_ground(
    engines: Engines, monkeypatch: pytest.MonkeyPatch, theme: str | None, colour: str
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(st, "context", SimpleNamespace(theme=SimpleNamespace(type=theme)))
    monkeypatch.setattr(st, "altair_chart", lambda chart, **_: drawn.append(chart))
    panel.show_chart(charts.bars(pd.DataFrame([("a", 1)], columns=["name", "views"]), "name", "views"), "one bar")
    assert drawn[0].to_dict()["config"]["text"]["color"] == colour


@pytest.mark.parametrize(
    ("text", "code"),
    [("7", "`7`"), ("a`b", "`` a`b ``"), ("``", "``` `` ```"), ("a\x1b", r"`a\x1b`"), (" a", "`  a `")],
)
def test_any_text_is_code_in_a_sentence(text: str, code: str) -> None:
    assert panel.code(text) == code
