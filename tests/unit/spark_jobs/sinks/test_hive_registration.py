"""New days of a running job's tables are registered with Hive, and a Hive that is away is asked again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Event

import pytest

from eventmill.config.settings import Settings
from eventmill.databases import query_engines
from eventmill.lake import hive_tables, partition_locations
from spark_jobs.sinks import hive_registration
from spark_jobs.sinks.hive_registration import Registrar, registered
from tests.support import settings


class Stack:
    """HDFS with days of the game, and a Hive that may be away and keeps which pipelines it was told of."""

    def __init__(self) -> None:
        self.days = ["day=2026-01-01"]
        self.away = False
        self.told: list[str] = []
        self.asked = Event()

    def days_of(self, _: Settings, pipeline: str, names: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
        """The days of each table."""
        return {table: {day: f"{table}/{day}" for day in self.days if pipeline == "game"} for table in names}

    def apply(self, _: Settings, pipeline: str) -> None:
        """Tell Hive of a pipeline's tables and days."""
        self.asked.set()
        if self.away:
            raise query_engines.SqlError("Hive: away")
        self.told.append(pipeline)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack in place of the real one."""
    made = Stack()
    monkeypatch.setattr(partition_locations, "days_of", made.days_of)
    monkeypatch.setattr(hive_tables, "apply_hive_tables", made.apply)
    return made


def test_hive_is_told_at_the_start_and_of_each_new_day_once(stack: Stack) -> None:
    registrar = Registrar(settings(), ["game", "carts"])
    registrar.look()
    registrar.look()
    assert stack.told == ["game", "carts"]
    stack.days.append("day=2026-01-02")
    registrar.look()
    registrar.look()
    assert stack.told == ["game", "carts", "game"]


def test_what_hive_could_not_be_told_is_told_by_a_later_look(stack: Stack, caplog: pytest.LogCaptureFixture) -> None:
    registrar = Registrar(settings(), ["game"])
    stack.away = True
    registrar.look()
    registrar.look()
    assert (stack.told, caplog.messages) == ([], ["game: Hive may not know new days yet: Hive: away"])
    stack.away = False
    registrar.look()
    assert stack.told == ["game"]


def test_a_run_registers_its_last_days_before_it_ends(stack: Stack) -> None:
    with registered(settings(), ["game", "visits"]):
        stack.asked.wait(10)
        stack.days.append("day=2026-01-02")
    assert stack.told == ["game", "game"]


def test_a_hive_that_is_away_does_not_stop_the_jobs(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hive_registration, "EVERY_SECONDS", 0.001)
    stack.away = True
    with registered(settings(), ["game"]):
        stack.asked.wait(10)
        stack.away = False
    assert set(stack.told) == {"game"}
