"""Runs the Spark jobs: `python -m spark_jobs run clicks`, and what spark-submit gets."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from eventmill.config import logs
from eventmill.config.polling import until
from eventmill.config.settings import PIPELINES, Settings, load
from eventmill.lake import checkpoint_progress
from eventmill.lake.hadoop_files import Files
from eventmill.spark.session import spark_session
from spark_jobs.pipelines.registry import root
from spark_jobs.pipelines.shop_warehouse import Warehouse
from spark_jobs.runtime.error_messages import reason_of
from spark_jobs.runtime.runner import run_pipelines as run_queries
from spark_jobs.sinks.hive_registration import registered
from spark_jobs.state.lock import PipelineLock

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
BOUNDED_SECONDS = 12 * 3600
"""The longest that a bounded run waits for a continuous one."""


@app.callback()
def jobs() -> None:
    """The Spark Structured Streaming jobs."""


@app.command()
def run(
    pipelines: Annotated[
        list[str] | None, typer.Argument(help="Pipelines such as clicks; all that are enabled if none.")
    ] = None,
    bounded: Annotated[bool, typer.Option("--bounded", help="Process what Kafka holds now, then end.")] = False,
) -> None:
    """Run the jobs of these pipelines in one process."""
    settings = load()
    logs.start_logging(settings)
    names = _known(pipelines) or settings.pipelines
    # The locks last as long as this dictionary.
    locks = {pipeline: PipelineLock(settings, pipeline) for pipeline in names}
    own = [pipeline for pipeline, lock in locks.items() if _take(settings, pipeline, lock, bounded)]
    if own:
        _run(settings, own, bounded)


@app.command()
def warehouse() -> None:
    """Clean what is new in the shop's lake, and rewrite the days of the warehouse that it changes."""
    settings = load()
    logs.start_logging(settings)
    spark = spark_session(settings, "warehouse")
    plan = Warehouse(spark, Files(spark, root(settings, "orders"))).refresh()
    Console().print(f"warehouse: rows until {plan.until}" if plan else "warehouse: nothing new")
    spark.stop()


def _known(pipelines: Sequence[str] | None) -> Sequence[str]:
    """The named pipelines, checked to exist."""
    for pipeline in pipelines or ():
        if pipeline not in PIPELINES:
            raise typer.BadParameter(f"no pipeline is called {pipeline!r}; there are {', '.join(PIPELINES)}")
    return pipelines or ()


def _run(settings: Settings, pipelines: Sequence[str], bounded: bool) -> None:
    with registered(settings, pipelines):
        spark = spark_session(settings, " ".join(pipelines), real_time=not bounded and "carts" in pipelines)
        run_queries(spark, settings, pipelines, bounded)
        spark.stop()


def _take(settings: Settings, pipeline: str, lock: PipelineLock, bounded: bool) -> bool:
    """Become the pipeline's owner; False when there is nothing left to do for a bounded run."""
    if bounded:
        return _take_or_watch(settings, pipeline, lock)
    if not lock.take("continuous run"):
        Console().print(f"{pipeline}: waits for its owner to end ({lock.owner()})")
        lock.take("continuous run", wait=True)
    return True


def _take_or_watch(settings: Settings, pipeline: str, lock: PipelineLock) -> bool:
    """Become the owner, or watch the one there is; False as soon as all is processed that Kafka held at the start."""
    left = checkpoint_progress.Target(settings, pipeline).left
    total = left()
    if not total or lock.take("bounded run"):
        return total > 0
    with Progress() as bar:
        task = bar.add_task(f"{pipeline}: watches its owner ({lock.owner()})", total=total)

        def settled() -> bool:
            bar.update(task, completed=total - left())
            return bar.finished or lock.take("bounded run")

        until(settled, BOUNDED_SECONDS, f"{pipeline}: its owner ({lock.owner()}) did not catch up", every=1)
        return not bar.finished


def main() -> None:
    """Run; an error ends the process with one line and exit code 1."""
    try:
        app()
    except Exception as error:
        if os.environ.get("EVENTMILL_DEBUG"):
            raise
        typer.secho(f"error: {reason_of(error)}", fg="red", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
