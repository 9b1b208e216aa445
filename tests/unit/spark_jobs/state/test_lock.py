"""One owner a pipeline."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spark_jobs.state.lock import PipelineLock
from tests.support import settings

Make = Callable[[str], PipelineLock]


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[Make]:
    """Makes locks of lines, and releases them at the end."""
    made: list[PipelineLock] = []

    def make(pipeline: str) -> PipelineLock:
        made.append(PipelineLock(settings(state_dir=tmp_path), pipeline))
        return made[-1]

    yield make
    for each in made:
        each.release()


def test_a_pipeline_has_one_owner_who_is_named(lock: Make) -> None:
    one, other = lock("clicks"), lock("clicks")
    assert one.take("continuous run")
    assert not other.take("bounded run")
    assert other.owner() == f"continuous run, process {os.getpid()}"
    assert lock("carts").take("continuous run")


def test_a_pipeline_is_free_once_its_owner_lets_go(lock: Make) -> None:
    one, other = lock("clicks"), lock("clicks")
    one.take("continuous run")
    one.release()
    assert other.take("bounded run", wait=True)
    assert other.owner().startswith("bounded run")
