"""Commands for the Spark jobs: start, stop and look at the continuous one, run one here."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Annotated

import typer
from rich.table import Table

from eventmill.config import errors, settings
from eventmill.config.settings import PIPELINES
from eventmill.lake import checkpoint_progress, lost_records
from eventmill.spark import job_state
from eventmill.spark.job_state import JobState
from ops.cli.display import say, wide
from ops.stack.engines import service_environment
from ops.stack.supervisor import ALL_JOBS, Program, StackError, Supervisor, job_program

jobs_app = typer.Typer(help="Start, stop, look at and run the Spark jobs.", no_args_is_help=True)
PipelineArgument = Annotated[str, typer.Argument(help=f"One of: {', '.join(PIPELINES)}.")]
MaybePipeline = Annotated[
    str | None, typer.Argument(help=f"One of: {', '.join(PIPELINES)}; all in one process if none.")
]
STOPPED = ("STOPPED", "EXITED", "FATAL")


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    app.add_typer(jobs_app, name="jobs")


def _supervisor(pipeline: str | None) -> Supervisor:
    values = settings.load()
    if pipeline is not None:
        _require_known(pipeline)
    if pipeline is not None and pipeline not in values.pipelines:
        raise StackError(f"{pipeline} is left out; name it in ENABLED_PIPELINES, then: make down, make up")
    supervisor = Supervisor(values)
    if not supervisor.runs():
        raise StackError("the stack is down; start it with: make up")
    return supervisor


def _program(pipeline: str | None) -> str:
    return ALL_JOBS if pipeline is None else job_program(pipeline)


@jobs_app.command()
def start(pipeline: MaybePipeline = None) -> None:
    """Start the continuous jobs of all enabled lines in one process, or that of one line; restarted should it end."""
    supervisor, name = _supervisor(pipeline), _program(pipeline)
    _refuse_second(supervisor, name)
    supervisor.start(name)
    say(f"{name} runs; its log and live view: eventmill logs {name} -f")


def _refuse_second(supervisor: Supervisor, name: str) -> None:
    """Refuse a second process for a pipeline.

    Raises:
        StackError: naming the one that runs.
    """
    rivals = [ALL_JOBS] if name != ALL_JOBS else [job_program(pipeline) for pipeline in PIPELINES]
    programs = supervisor.programs()
    for rival in rivals:
        if programs[rival].state not in STOPPED:
            stop = "eventmill jobs stop" if rival == ALL_JOBS else f"eventmill jobs stop {rival.removeprefix('job-')}"
            raise StackError(f"{rival} runs already, for one line or all; stop it first with: {stop}")


@jobs_app.command()
def stop(pipeline: MaybePipeline = None) -> None:
    """Stop what `start` started with the same words; it goes on from its checkpoints when started again."""
    name = _program(pipeline)
    _supervisor(pipeline).stop(name)
    say(f"{name} is stopped")


@jobs_app.command("status")
def show_status() -> None:
    """Show each pipeline's continuous job, how many records it has still to process, and why it fails if it does."""
    values = settings.load()
    programs = {} if values.services_by == "compose" else _supervisor(None).programs()
    states = job_state.read_states(values)
    table = Table("pipeline", "job", "state", "since", "process", "waiting records")
    for pipeline in values.pipelines:
        program = of_pipeline(programs, pipeline) if programs else None
        table.add_row(pipeline, *_status(program, states.get(pipeline)), _left(values, pipeline))
    wide().print(table)
    for state in (states[pipeline] for pipeline in values.pipelines if pipeline in states):
        if state.reason:
            say(_why(state))


def _status(program: Program | None, state: JobState | None) -> tuple[str, str, str, str]:
    """A job's name, its state by itself as long as its process runs, since when, and its process."""
    name, process = (program.name, str(program.pid or "")) if program else (ALL_JOBS, "")
    if state and (program is None or program.state not in ("STARTING", "STOPPED", "EXITED")):
        return name, state.state, f"{state.since:%Y-%m-%d %H:%M:%S}", process
    return name, program.state.lower() if program else "stopped", "", process


def _why(state: JobState) -> str:
    """One line about a job that fails."""
    times = f", after {state.restarts} restarts" if state.restarts else ""
    return f"{state.pipeline} is {state.state} since {state.since:%Y-%m-%d %H:%M:%S} UTC{times}: {state.reason}"


def _left(values: settings.Settings, pipeline: str) -> str:
    """Number of records that wait, or ? where Kafka or HDFS do not answer."""
    try:
        return str(waiting(values, pipeline))
    except Exception as error:
        if errors.explain(error) is None:
            raise
        return "?"


def of_pipeline(programs: Mapping[str, Program], pipeline: str) -> Program:
    """The job that runs a pipeline, the one for all pipelines unless it has one of its own."""
    own = programs[job_program(pipeline)]
    return programs[ALL_JOBS] if own.state in ("STOPPED", "EXITED") else own


def waiting(values: settings.Settings, pipeline: str) -> int:
    """Number of records Kafka holds behind the pipeline's committed offsets."""
    return checkpoint_progress.waiting_records(values, pipeline)


@jobs_app.command("skip-lost")
def skip_lost(pipeline: PipelineArgument) -> None:
    """Let a job go on without records that Kafka removed before it read them; `verify` counts them as lost."""
    values = settings.load()
    _require_known(pipeline)
    found = {
        query: (topic, lost_records.skip(values, query, topic))
        for query, topic in checkpoint_progress.all_topics(values, pipeline).items()
    }
    for query, (topic, gaps) in found.items():
        told = (
            f"{lost_records.sentence(topic, gaps)}; it goes on without them" if gaps else f"nothing of {topic} is lost"
        )
        say(f"{query}: {told}")


def _require_known(pipeline: str) -> None:
    if pipeline not in PIPELINES:
        raise StackError(f"no job is called {pipeline!r}; there are {', '.join(PIPELINES)}")


@jobs_app.command()
def run(
    pipeline: PipelineArgument, bounded: Annotated[bool, typer.Option("--bounded", help="End when caught up.")] = False
) -> None:
    """Run a pipeline's job here, in the foreground."""
    _supervisor(pipeline)
    environment = os.environ | service_environment(settings.load())
    command = [sys.executable, "-m", "spark_jobs", "run", pipeline, *(["--bounded"] if bounded else [])]
    os.execve(sys.executable, command, environment)
