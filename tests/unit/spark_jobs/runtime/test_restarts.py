"""A query that fails is started again alone, after pauses that grow, and tells how it is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eventmill.config.settings import Settings
from eventmill.spark import job_state
from spark_jobs.runtime import restarts
from spark_jobs.runtime.restarts import QueryStates, Restarts
from tests.support import settings


class Clock:
    """Shows the time that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time in seconds."""
        return self.now


class Query:
    """A query that fails when it is told to."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.worked = False
        self.stopped = False

    def check(self) -> None:
        """Raise the error, if there is one."""
        if self.error:
            raise self.error

    def has_worked(self) -> bool:
        """As the test says."""
        return self.worked

    def stop(self) -> None:
        """Be stopped."""
        self.stopped = True


class Kept:
    """A query under restarts, and all that were started for it."""

    def __init__(self, name: str = "visits") -> None:
        self.clock = Clock()
        self.started: list[Query] = []
        self.broken: Exception | None = None
        self.restarts = Restarts(name, self._start, self.clock)

    def _start(self) -> Query:
        if self.broken:
            raise self.broken
        self.started.append(Query())
        return self.started[-1]

    def at(self, now: float) -> int:
        """Let the time come, and return how many queries were started until then."""
        self.clock.now = now
        self.restarts.step()
        return len(self.started)

    def runs(self) -> bool:
        """As others see it."""
        return self.restarts.runs

    def fail(self, why: str = "refused") -> None:
        """Let the newest query fail."""
        self.started[-1].error = RuntimeError(why)
        self.restarts.step()


def pauses(kept: Kept) -> Iterator[float]:
    """Let each query fail as soon as it has begun; the time until the next one begins."""
    while True:
        kept.fail()
        failed, number = kept.clock.now, len(kept.started)
        while kept.at(kept.clock.now + 0.5) == number:
            pass
        yield kept.clock.now - failed


def test_pauses_double_up_to_a_minute() -> None:
    kept = Kept()
    kept.at(0)
    found = pauses(kept)
    assert [next(found) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert kept.restarts.count == 9
    assert all(query.stopped for query in kept.started[:-1])


def test_a_query_that_has_run_for_long_fails_as_for_the_first_time() -> None:
    kept = Kept()
    kept.at(0)
    found = pauses(kept)
    assert [next(found) for _ in range(3)] == [1, 2, 4]
    kept.at(kept.clock.now + restarts.RESET_SECONDS)
    assert next(pauses(kept)) == 1


def test_a_restarted_query_runs_once_it_has_finished_a_batch() -> None:
    kept = Kept()
    kept.at(0)
    assert kept.runs()
    kept.fail("NUL")
    assert (kept.runs(), kept.restarts.reason) == (False, "NUL")
    assert kept.at(1) == 2
    kept.at(2)
    assert not kept.runs()
    kept.started[-1].worked = True
    kept.at(3)
    assert kept.runs()
    assert kept.restarts.reason == ""


def test_one_without_batches_runs_after_a_while() -> None:
    kept = Kept()
    kept.at(0)
    kept.fail()
    kept.at(1)
    kept.at(restarts.SETTLED_SECONDS)
    assert not kept.runs()
    kept.at(1 + restarts.SETTLED_SECONDS)
    assert kept.runs()


def test_a_query_that_cannot_be_started_is_tried_again_too() -> None:
    kept = Kept()
    kept.broken = OSError("HDFS is away")
    assert kept.at(0) == 0
    assert not kept.runs()
    kept.broken = None
    assert kept.at(0.9) == 0
    assert kept.at(1) == 1


def test_the_query_is_stopped_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restarts, "STEP_SECONDS", 0)
    kept, stopping = Kept(), threading.Event()
    thread = threading.Thread(target=kept.restarts.run, args=(stopping,))
    thread.start()
    while not kept.started:
        pass
    stopping.set()
    thread.join(10)
    assert [query.stopped for query in kept.started] == [True]


@pytest.fixture
def values(tmp_path: Path) -> Settings:
    """Settings with a state folder of their own."""
    (tmp_path / "jobs").mkdir()
    return settings(state_dir=tmp_path)


def test_the_state_of_a_pipeline_is_that_of_its_worst_query(values: Settings) -> None:
    own, beside = Kept("orders"), Kept("orders/product_views")
    board = QueryStates(values, "orders", [own.restarts, beside.restarts])
    sign = values.state_dir / "jobs" / "orders.runs"
    board.update()
    assert not sign.exists()
    assert job_state.read_states(values) == {}
    own.at(0), beside.at(0)
    board.update()
    assert sign.exists()
    assert job_state.read_states(values)["orders"].state == "running"
    sign.unlink()
    beside.fail("no keyspace")
    board.update()
    found = job_state.read_states(values)["orders"]
    assert (found.state, found.restarts) == ("restarting", 0)
    assert found.reason.startswith("query orders/product_views: ")
    assert (datetime.now(UTC) - found.since).total_seconds() < 60
    assert not sign.exists()
    assert own.runs()


def test_what_ends_the_process_is_written_down_and_a_stop_leaves_nothing(values: Settings) -> None:
    kept = Kept()
    board = QueryStates(values, "visits", [kept.restarts])
    kept.at(0)
    board.update()
    board.fail("Spark has ended")
    found = job_state.read_states(values)["visits"]
    assert (found.state, found.reason) == ("failed", "Spark has ended")
    board.remove()
    assert job_state.read_states(values) == {}


def test_a_state_that_cannot_be_written_ends_nothing(values: Settings, caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept()
    kept.at(0)
    (values.state_dir / "jobs").rmdir()
    (values.state_dir / "jobs").write_text("no folder")
    QueryStates(values, "visits", [kept.restarts]).update()
    assert "the state of visits cannot be written" in caplog.text
