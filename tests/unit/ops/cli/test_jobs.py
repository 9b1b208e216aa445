"""The table of the jobs, with the reason of each that fails."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eventmill.config import settings as settings_module
from eventmill.config.settings import PIPELINES, Settings
from eventmill.kafka.topic_reader import TopicError
from eventmill.spark.job_state import JobState, StateFile
from ops.cli import jobs
from ops.stack.supervisor import ALL_JOBS, Program, Supervisor, job_program
from tests.support import settings

SINCE = datetime(2026, 1, 1, 12, tzinfo=UTC)
Shown = pytest.CaptureFixture[str]


@pytest.fixture
def values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a stack whose jobs run in one process, and no records wait."""
    values = settings(state_dir=tmp_path)
    programs = {job_program(pipeline): Program(job_program(pipeline), "STOPPED", 0, 0, "") for pipeline in PIPELINES}
    programs[ALL_JOBS] = Program(ALL_JOBS, "RUNNING", 4711, 0, "")
    monkeypatch.setattr(settings_module, "load", lambda: values)
    monkeypatch.setattr(Supervisor, "runs", lambda _: True)
    monkeypatch.setattr(Supervisor, "programs", lambda _: programs)
    monkeypatch.setattr(jobs, "waiting", lambda *_: 0)
    for pipeline in PIPELINES:
        StateFile(values, pipeline).write(JobState(pipeline, "running", SINCE))
    return values


def rows(text: str) -> dict[str, list[str]]:
    """The cells of each pipeline's row."""
    cells = [[cell.strip() for cell in row.split("│")[1:-1]] for row in text.splitlines() if row.startswith("│")]
    return {pipeline: other for pipeline, *other in cells}


def test_jobs_that_run_are_shown_without_more_words(values: Settings, capsys: Shown) -> None:
    jobs.show_status()
    shown = capsys.readouterr().out
    assert rows(shown) == {pipeline: ["jobs", "running", "2026-01-01 12:00:00", "4711", "0"] for pipeline in PIPELINES}
    assert len([line for line in shown.splitlines() if line[:1].isalpha()]) == 0


def test_a_job_that_fails_says_since_when_and_why(values: Settings, capsys: Shown) -> None:
    reason = "query carts/shopping_carts: topic [/b] is away"
    StateFile(values, "carts").write(JobState("carts", "restarting", SINCE, reason, 3))
    jobs.show_status()
    shown = capsys.readouterr().out
    assert rows(shown)["carts"][1] == "restarting"
    assert f"carts is restarting since 2026-01-01 12:00:00 UTC, after 3 restarts: {reason}" in shown.splitlines()
    assert rows(shown)["clicks"][1] == "running"


def test_a_job_that_was_stopped_has_the_state_of_its_process(
    values: Settings, capsys: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = {name: Program(name, "STOPPED", 0, 0, "") for name in (ALL_JOBS, *map(job_program, PIPELINES))}
    monkeypatch.setattr(Supervisor, "programs", lambda _: stopped)
    jobs.show_status()
    assert {row[1] for row in rows(capsys.readouterr().out).values()} == {"stopped"}


def test_in_containers_the_states_alone_are_shown(
    values: Settings, capsys: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = values.model_copy(update={"services_by": "compose"})
    monkeypatch.setattr(settings_module, "load", lambda: inside)
    StateFile(values, "game").remove()
    jobs.show_status()
    shown = rows(capsys.readouterr().out)
    assert (shown["clicks"][1], shown["game"][1]) == ("running", "stopped")


def missing(*_: object) -> int:
    """Kafka has no such topic."""
    raise TopicError("there is no topic 'clicks'")


def broken(*_: object) -> int:
    """An error of our own."""
    raise KeyError("clicks")


@pytest.mark.parametrize(("count", "raises"), [(missing, False), (broken, True)])
def test_what_kafka_does_not_tell_is_left_open(
    values: Settings, capsys: Shown, monkeypatch: pytest.MonkeyPatch, count: Callable[..., int], raises: bool
) -> None:
    monkeypatch.setattr(jobs, "waiting", count)
    if raises:
        with pytest.raises(KeyError):
            jobs.show_status()
        return
    jobs.show_status()
    assert rows(capsys.readouterr().out)["clicks"][-1] == "?"
