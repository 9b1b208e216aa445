"""The states of the continuous jobs, written by one process and read by others."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eventmill.config.settings import Settings
from eventmill.spark import job_state
from eventmill.spark.job_state import JobState, StateFile
from tests.support import settings

SINCE = datetime(2026, 1, 1, 12, tzinfo=UTC)
BROKEN = JobState("visits", "restarting", SINCE, "PostgreSQL: no such table", 3)


@pytest.fixture
def values(tmp_path: Path) -> Settings:
    """Settings with a state folder of their own."""
    return settings(state_dir=tmp_path)


def test_without_jobs_there_is_no_state(values: Settings) -> None:
    assert job_state.read_states(values) == {}


def test_a_state_is_read_as_it_was_written(values: Settings) -> None:
    StateFile(values, "visits").write(BROKEN)
    StateFile(values, "clicks").write(JobState("clicks", "running", SINCE))
    assert job_state.read_states(values) == {"clicks": JobState("clicks", "running", SINCE), "visits": BROKEN}


def test_a_job_that_was_stopped_has_no_state(values: Settings) -> None:
    file = StateFile(values, "visits")
    file.write(BROKEN)
    file.remove()
    file.remove()
    assert job_state.read_states(values) == {}


def test_a_process_that_gives_no_sign_has_failed(values: Settings) -> None:
    file = StateFile(values, "clicks")
    file.write(JobState("clicks", "running", SINCE))
    os.utime(file.path, (SINCE.timestamp(), SINCE.timestamp()))
    assert job_state.read_states(values, SINCE + timedelta(seconds=30))["clicks"].state == "running"
    found = job_state.read_states(values, SINCE + timedelta(seconds=31))["clicks"]
    assert (found.state, found.since) == ("failed", SINCE)
    assert found.reason == "its process has given no sign since 2026-01-01 12:00:00 UTC"
    file.touch()
    assert job_state.read_states(values)["clicks"].state == "running"


def test_a_failure_keeps_its_own_reason(values: Settings) -> None:
    file = StateFile(values, "clicks")
    failed = JobState("clicks", "failed", SINCE, "no checkpoint")
    file.write(failed)
    os.utime(file.path, (0, 0))
    assert job_state.read_states(values) == {"clicks": failed}
