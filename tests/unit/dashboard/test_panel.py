"""Panels: what is foreseen is a sentence, and nothing else is hidden."""

from __future__ import annotations

import pytest
from cassandra import UnresolvableContactPoints

from dashboard import panel
from eventmill import settings
from eventmill.settings import Settings
from eventmill.sql import SqlError
from tests.support import settings as made_up
from tests.unit.dashboard.support import Engines


def test_what_nobody_foresaw_is_raised() -> None:
    assert panel.told(ZeroDivisionError("division by zero"), "") is None
    with pytest.raises(ZeroDivisionError), panel.panel("one"):
        raise ZeroDivisionError


def test_the_name_of_a_container_that_is_down_leads_nowhere(engines: Engines) -> None:
    assert panel.told(UnresolvableContactPoints({}), "") == (
        "Cassandra does not answer. Start it with `eventmill up cassandra`."
    )


def test_a_refusal_is_the_engines_own_word_and_the_hint() -> None:
    assert panel.told(SqlError("MySQL: no table"), "Make it.") == "MySQL: no table. Make it."
    assert panel.told(SqlError("MySQL: no table"), "") == "MySQL: no table."


def test_in_containers_compose_starts_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> Settings:
        return made_up(services_by="compose")

    monkeypatch.setattr(settings, "load", load)
    assert panel.start("mysql") == "`docker compose up -d mysql`"
