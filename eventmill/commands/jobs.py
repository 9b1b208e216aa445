"""Commands for the Spark jobs: start, stop and look at the continuous one, run one here."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from eventmill import settings
from eventmill.engines import service_environment
from eventmill.supervisor import JOB_LINES, StackError, Supervisor, job_program

app = typer.Typer(help="Start, stop, look at and run the Spark jobs.", no_args_is_help=True)
LineArgument = Annotated[str, typer.Argument(help=f"One of: {', '.join(JOB_LINES)}.")]


def _supervisor(line: str) -> Supervisor:
    if line not in JOB_LINES:
        raise StackError(f"no job is called {line!r}; there are {', '.join(JOB_LINES)}")
    supervisor = Supervisor(settings.load())
    if not supervisor.runs():
        raise StackError("the stack is down; start it with: make up")
    return supervisor


@app.command()
def start(line: LineArgument) -> None:
    """Start a line's continuous job; the supervisor restarts it should it end."""
    _supervisor(line).start(job_program(line))
    Console().print(f"{line} runs; its live view: eventmill logs {job_program(line)} -f")


@app.command()
def stop(line: LineArgument) -> None:
    """Stop a line's continuous job; it goes on from its checkpoint when started again."""
    _supervisor(line).stop(job_program(line))
    Console().print(f"{line} is stopped")


@app.command("status")
def show_status() -> None:
    """Show each continuous job and how many records it has still to process."""
    values = settings.load()
    programs = _supervisor(JOB_LINES[0]).programs()
    table = Table("job", "state", "process", "waiting records")
    for line in JOB_LINES:
        program = programs[job_program(line)]
        table.add_row(line, program.state, str(program.pid or ""), str(waiting(values, line)))
    Console().print(table)


def waiting(values: settings.Settings, line: str) -> int:
    """How many records Kafka holds behind the line's committed offsets."""
    from eventmill import progress

    return progress.waiting(values, line)


@app.command()
def run(
    line: LineArgument, bounded: Annotated[bool, typer.Option("--bounded", help="End when caught up.")] = False
) -> None:
    """Run a line's job here, in the foreground."""
    _supervisor(line)
    environment = os.environ | service_environment(settings.load())
    command = [sys.executable, "-m", "spark_jobs", "run", line, *(["--bounded"] if bounded else [])]
    os.execve(sys.executable, command, environment)
