"""The command that checks that every record is accounted for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.table import Table

from eventmill import batches, settings
from eventmill.commands.data import progress_bar
from eventmill.commands.display import Shape, data, wide
from eventmill.reader import Bounds
from eventmill.settings import LINES, Settings
from eventmill.supervisor import StackError

if TYPE_CHECKING:
    from eventmill.line_evidence import LineEvidence
    from eventmill.truth import Truth
    from eventmill.verify import Report
    from eventmill.verify_events import EventReport

WINDOWS = "clicks"
"""The line that counts by windows; the others store single events."""

STAR_SCHEMA = "visits"
"""The line whose events are stored in PostgreSQL, not in Hive's tables."""

SHOWN = 20
Again = TypeVar("Again")
Count = Callable[[Settings, str, Mapping[int, Bounds], Callable[[int], object]], Again]
LinesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="LINE", help=f"Of {', '.join(LINES)}; all that run and have processed anything if none."),
]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("verify")(verify)


def verify(
    lines: LinesArgument = None,
    truth: Annotated[Path | None, typer.Option(help="What `eventmill generate` wrote about the clicks sent.")] = None,
    allow_waiting: Annotated[bool, typer.Option("--allow-waiting", help="Records may still be waiting.")] = False,
    recount: Annotated[bool, typer.Option(help="Count Kafka's records again, without Spark.")] = True,
    shape: Annotated[Shape, typer.Option("--format", help="How the result is shown.")] = Shape.table,
) -> None:
    """Check that every record is accounted for. Exit 1 when not."""
    import msgspec

    values = settings.load()
    expected = _truth(values, truth) if truth else None
    wanted = _lines(values, lines or [], [WINDOWS] if expected else [])
    reports = [_check(values, line, expected, recount, allow_waiting) for line in wanted]
    if shape is Shape.json:
        data(msgspec.json.encode(reports))
    else:
        for report in reports:
            _show(report)
    if any(report.differences for report in reports):
        raise typer.Exit(1)


def _truth(values: Settings, path: Path) -> Truth:
    from eventmill import truth, verify

    expected = truth.read(path)
    verify.require_same_windows(values, expected)
    return expected


def _lines(values: Settings, named: Sequence[str], needed: Sequence[str]) -> list[str]:
    """The lines named, or else all that run and have processed anything, and those that are needed.

    Raises:
        StackError: when there is no such line, one that is needed is not named, or none has processed anything.
    """
    if unknown := [name for name in named if name not in LINES]:
        raise StackError(f"no line is called {unknown[0]!r}; there are {', '.join(LINES)}")
    if named and (missing := [name for name in needed if name not in named]):
        raise StackError(f"the truth is about {missing[0]}: name that line too, or none")
    wanted = named or [line for line in values.lines if line in needed or batches.newest(values, line) is not None]
    if not wanted:
        raise StackError("no line has processed anything yet; start the jobs with: eventmill jobs start")
    return list(dict.fromkeys(wanted))


def _check(values: Settings, line: str, truth: Truth | None, again: bool, allow: bool) -> Report | EventReport:
    return _check_windows(values, truth, again, allow) if line == WINDOWS else _check_events(values, line, again, allow)


def _check_windows(values: Settings, truth: Truth | None, again: bool, allow_waiting: bool) -> Report:
    from eventmill import evidence, gaps, recount, verify

    found = evidence.gather(values, WINDOWS)
    count = partial(recount.recount, refused=found.refused, closed=found.closed())
    counted = _counted(values, found, count) if again else None
    found = gaps.count(values, found, counted.total() if counted else None)
    return verify.report(WINDOWS, found, counted, truth, allow_waiting=allow_waiting)


def _check_events(values: Settings, line: str, again: bool, allow_waiting: bool) -> EventReport:
    from eventmill import event_evidence, gaps, recount, verify_events, visit_evidence

    found = (visit_evidence if line == STAR_SCHEMA else event_evidence).gather(values, line)
    counted = _counted(values, found, recount.count) if again else None
    return verify_events.report(line, gaps.count(values, found, counted), allow_waiting=allow_waiting)


def _counted(values: Settings, found: LineEvidence, count: Count[Again]) -> Again | None:
    """What the records come to that the job's state has counted; None when Kafka has removed some of them."""
    if found.removed():
        return None
    limits = found.limits()
    with progress_bar() as progress:
        task = progress.add_task("counted again", total=sum(held.end for held in limits.values()))
        return count(values, found.topic, limits, lambda done: progress.update(task, completed=done))


def _show(report: Report | EventReport) -> None:
    console = wide()
    table = Table("records", "number", title=report.line)
    for name, number in report.rows():
        table.add_row(name, str(number))
    console.print(table, *report.notes, sep="\n")
    if not report.differences:
        console.print(f"{report.line}: every record is accounted for")
        return
    table = Table("what differs", "expected", "found", title=f"{len(report.differences)} differences")
    for difference in report.differences[:SHOWN]:
        table.add_row(difference.what, str(difference.expected), str(difference.found))
    console.print(table)
