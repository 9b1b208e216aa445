"""Streaming queries in one process: one that fails is restarted, and the others go on meanwhile."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from eventmill.config.polling import until
from eventmill.config.settings import Settings
from eventmill.spark import job_state
from spark_jobs.pipelines.registry import query_names
from spark_jobs.runtime import runner
from spark_jobs.runtime.runner import Batches, JobError, Running
from tests.support import settings


class Pipelines:
    """Queries on made-up rows, of which one fails as long as it is poisoned."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self._spark = spark
        self._folder = folder
        self.poisoned: str | None = None
        self.batches: Counter[str] = Counter()

    def start(self, _spark: SparkSession, _settings: Settings, query: str, bounded: bool) -> Running:
        """In place of the runner's."""

        def process(_: DataFrame, batch_id: int) -> None:
            if query == self.poisoned:
                raise ValueError(f"poison in batch {batch_id}")
            self.batches[query] += 1

        rows = self._spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 1).load()
        batches = Batches(process)
        writer = rows.writeStream.foreachBatch(batches).trigger(processingTime="0 seconds")
        folder = str(self._folder / query)
        return Running(runner._begin(writer, query, folder), bounded, batches)


@pytest.fixture
def pipelines(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipelines:
    """Pipelines that take the place of the real ones."""
    made = Pipelines(spark, tmp_path)
    monkeypatch.setattr(runner, "start_query", made.start)
    return made


def test_the_queries_of_a_pipeline_are_known_before_they_are_made() -> None:
    assert query_names("carts") == ["carts", "carts/shopping_carts"]
    assert query_names("orders") == ["orders", "orders/product_views", "orders/order_views"]
    assert query_names("game") == ["game"]


def test_one_query_fails_alone_and_runs_again(spark: SparkSession, pipelines: Pipelines, tmp_path: Path) -> None:
    values = settings(state_dir=tmp_path)
    stopping = threading.Event()
    job = threading.Thread(target=runner._run_continuously, args=(spark, values, ["game", "visits"], stopping))
    job.start()

    def states() -> dict[str, str]:
        return {name: state.state for name, state in job_state.read_states(values).items()}

    try:
        until(lambda: min(pipelines.batches["game"], pipelines.batches["visits"]) > 0, 60, "nothing runs")
        until(lambda: states() == {"game": "running", "visits": "running"}, 10, "they do not say that they run")
        pipelines.poisoned = "visits"
        until(lambda: job_state.read_states(values)["visits"].restarts >= 2, 60, "it is not restarted")
        assert job_state.read_states(values)["visits"].reason.startswith("poison in batch ")
        done = pipelines.batches["game"]
        until(lambda: pipelines.batches["game"] > done, 60, "the other one does not go on")
        assert states()["game"] == "running"
        pipelines.poisoned = None
        until(lambda: states() == {"game": "running", "visits": "running"}, 60, "it does not run again")
        assert job_state.read_states(values)["game"].restarts == 0
    finally:
        stopping.set()
        job.join(60)
    assert states() == {}
    assert not spark.streams.active


def test_no_batch_begins_once_its_query_is_being_stopped() -> None:
    seen: list[int] = []
    batches = Batches(lambda _, number: seen.append(number))
    frame: DataFrame = None  # type: ignore[assignment]
    batches(frame, 1)
    batches.close()
    with pytest.raises(JobError, match="is being stopped"):
        batches(frame, 2)
    assert (seen, batches.done) == ([1], 1)


def test_a_bounded_run_ends_with_the_reason(spark: SparkSession, pipelines: Pipelines, tmp_path: Path) -> None:
    pipelines.poisoned = "game"
    with pytest.raises(ValueError, match="poison"):
        runner._run_bounded(spark, settings(state_dir=tmp_path), ["game"], threading.Event())
    assert job_state.read_states(settings(state_dir=tmp_path)) == {}
