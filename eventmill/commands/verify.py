"""The command that checks that every record is accounted for."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from eventmill import settings
from eventmill.commands.data import progress_bar
from eventmill.commands.display import wide
from eventmill.settings import Settings

LINES = ("clicks",)

if TYPE_CHECKING:
    from eventmill.verify import Report

SHOWN = 20


class Shape(StrEnum):
    """How the result is shown."""

    table = "table"
    json = "json"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("verify")(verify)


def verify(
    truth: Annotated[Path | None, typer.Option(help="What `eventmill generate` wrote about the file sent.")] = None,
    allow_waiting: Annotated[bool, typer.Option("--allow-waiting", help="Records may still be waiting.")] = False,
    recount: Annotated[bool, typer.Option(help="Count Kafka's records again, without Spark.")] = True,
    shape: Annotated[Shape, typer.Option("--format", help="How the result is shown.")] = Shape.table,
) -> None:
    """Check that every record is accounted for. Exit 1 when not."""
    import msgspec

    values = settings.load()
    reports = [_check(values, line, truth, recount, allow_waiting) for line in LINES]
    if shape is Shape.json:
        typer.echo(msgspec.json.encode(reports))
    else:
        for report in reports:
            _show(report)
    if any(report.differences for report in reports):
        raise typer.Exit(1)


def _check(values: Settings, line: str, truth: Path | None, again: bool, allow_waiting: bool) -> Report:
    from eventmill import evidence, gaps, recount, verify
    from eventmill import truth as truths

    expected = truths.read(truth) if truth else None
    if expected:
        verify.require_same_windows(values, expected)
    found = evidence.gather(values, line)
    counted = None
    if again and not found.removed():
        with progress_bar() as progress:
            limits = found.limits()
            task = progress.add_task("counted again", total=sum(held.end for held in limits.values()))
            counted = recount.recount(values, found.topic, limits, lambda done: progress.update(task, completed=done))
    found = gaps.count(values, found, counted.total() if counted else None)
    return verify.report(line, found, counted, expected, allow_waiting=allow_waiting)


def _show(report: Report) -> None:
    console = wide()
    balance = Table("records", "number", title=report.line)
    for name in ("accepted", "stored", "open", "rejected", "duplicates", "late", "waiting"):
        balance.add_row(name if name == "accepted" else f"  {name}", str(getattr(report, name)))
    balance.add_row("rejected at entry", str(report.rejected_at_entry))
    balance.add_row("exported to MySQL", str(report.exported))
    console.print(balance, *report.notes, sep="\n")
    if not report.differences:
        console.print(f"{report.line}: every record is accounted for")
        return
    table = Table("what differs", "expected", "found", title=f"{len(report.differences)} differences")
    for difference in report.differences[:SHOWN]:
        table.add_row(difference.what, str(difference.expected), str(difference.found))
    console.print(table)
