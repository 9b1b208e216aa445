"""Commands that fetch, start, stop and show the native stack."""

from __future__ import annotations

import subprocess
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from eventmill.config import disk, settings
from eventmill.config.settings import ROOT
from ops.cli.display import changing, say, wide
from ops.stack import downloads, native_stack, provisioning, supervisor
from ops.stack.engines import SERVICES

GREEN, RED = {"ready", "there", "RUNNING"}, {"failed", "FATAL", "BACKOFF", native_stack.ORPHANED}
FollowOption = Annotated[bool, typer.Option("--follow", "-f", help="Go on as the log grows.")]
ServicesArgument = Annotated[list[str] | None, typer.Argument(help="Services, as `eventmill status` names them.")]
NameArgument = Annotated[str, typer.Argument(help="A service, an engine or a job, as `eventmill status` names it.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("setup")(fetch_all)
    app.command()(up)
    app.command()(down)
    app.command("status")(show_status)
    app.command()(logs)


def fetch_all() -> None:
    """Fetch all that the stack needs, by the lock files and poms."""
    if subprocess.run([ROOT / "bin" / "secrets"], check=False).returncode:  # it has said why
        raise typer.Exit(1)
    values = settings.load()
    downloads.install_system_packages(values)
    with changing(wide()) as show:
        fetched = downloads.fetch(values, lambda parts: show(_setup_table(parts)))
    say(f"fetched {len(fetched)} parts" if fetched else "everything is there")


def _setup_table(parts: list[downloads.Part]) -> Table:
    table = Table("part", "state", "seconds")
    for part in parts:
        table.add_row(part.name, _coloured(part.state), f"{part.seconds:.0f}" if part.seconds else "")
    return table


def up(services: ServicesArgument = None) -> None:
    """Start the stack, or only the named services and what they need, and wait until every one is ready."""
    values = settings.load()
    try:
        if native_stack.is_orphaned(values):
            say("the supervisor was killed: what it left behind is ended, then the stack starts again")
        with changing(wide()) as show:
            started = native_stack.up(values, services or (), lambda progress: show(_up_table(progress, values)))
        if not services and (said := provisioning.notice(values, provisioning.prepare(values))):
            say(said)
    except KeyboardInterrupt:
        say("interrupted: what was started runs on; `make up` goes on from here, `make down` stops it")
        raise typer.Exit(130) from None
    say("the stack is up" if started else "the stack was up already")


def _up_table(progress: list[native_stack.StartProgress], values: settings.Settings) -> Table:
    table = Table("service", "engine", "state", "seconds", "port")
    for p in progress:
        port = next(iter(p.service.port_numbers(values).values()), "")
        seconds = f"{p.seconds:.0f}" if p.seconds else ""
        table.add_row(p.service.name, p.service.engine, _coloured(p.state), seconds, str(port))
    return table


def down() -> None:
    """Stop all jobs and services."""
    stopped = native_stack.down(settings.load())
    say("the stack is down" if stopped else "the stack was down already")


def show_status() -> None:
    """Show each service and job: state, process, uptime, memory, port. Exit 3 when the stack is down or orphaned."""
    values = settings.load()
    if shortage := disk.Reserve.of(values).explained():
        say(shortage, fg="red")
    rows = list(native_stack.stack_status(values))
    if not rows:
        say("the stack is down; start it with: make up")
        raise typer.Exit(3)
    _print_status(rows)
    if any(row.program.state == native_stack.ORPHANED for row in rows):
        say("the supervisor was killed and these run on: `make up` starts all again, `make down` stops them")
        raise typer.Exit(3)


def _print_status(rows: list[native_stack.Status]) -> None:
    table = Table("service", "state", "process", "uptime s", "memory MB", "port")
    for row in rows:
        numbers = (row.program.pid or "", round(row.seconds) or "", row.memory_mb or "", row.port or "")
        table.add_row(row.program.name, _coloured(row.program.state), *map(str, numbers))
    table.add_row("all", "", "", "", str(sum(row.memory_mb for row in rows)), "")
    wide().print(table)


def logs(name: NameArgument, follow: FollowOption = False, lines: int = 100) -> None:
    """Show the end of a service's or job's log; an engine's name shows all its services."""
    values = settings.load()
    names = [s.name for s in SERVICES if name in {s.name, s.engine}] or [
        program for program in supervisor.job_programs() if name == program
    ]
    if not names:
        known = [s.name for s in SERVICES] + supervisor.job_programs()
        raise supervisor.StackError(f"no service or job is called {name!r}; there are {', '.join(known)}")
    files = [supervisor.log_file(values, n) for n in names]
    existing = [str(file) for file in files if file.is_file()]
    if not existing:
        raise supervisor.StackError(f"{name} has no log yet; start the stack with: make up")
    subprocess.run(["tail", "-n", str(lines), *(["-F"] if follow else []), *existing], check=False)


def _coloured(state: str) -> Text:
    return Text(state, "green" if state in GREEN else "red" if state in RED else "yellow")
