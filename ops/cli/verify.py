"""The command that checks that every record is accounted for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar

import msgspec
import requests
import typer
from rich.table import Table

from eventmill.config import settings
from eventmill.config.settings import PIPELINES, Settings
from eventmill.kafka.topic_reader import OffsetRange
from eventmill.lake import committed_batches
from ops.cli.data import progress_bar
from ops.cli.display import OutputFormat, data, say, wide
from ops.datagen import ground_truth
from ops.datagen.ground_truth import Truth
from ops.reconciliation import (
    click_checks,
    click_snapshot,
    event_checks,
    event_snapshot,
    last_check,
    offset_gaps,
    recount,
)
from ops.reconciliation.click_checks import ClickReport
from ops.reconciliation.event_checks import EventReport
from ops.reconciliation.last_check import CheckNote, Found
from ops.reconciliation.snapshot import Snapshot
from ops.stack.supervisor import StackError

WINDOWS = "clicks"
"""The pipeline that counts by windows; the others store single events."""

STAR_SCHEMA = "visits"
"""The pipeline whose events are stored in PostgreSQL, not in Hive's tables."""

SHOWN = 20
Again = TypeVar("Again")
Count = Callable[[Settings, str, Mapping[int, OffsetRange], Callable[[int], object]], Again]
PipelinesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PIPELINE", help=f"Of {', '.join(PIPELINES)}; all that run and have processed anything if none."
    ),
]


class How(NamedTuple):
    """The options of a check: count Kafka's records again, let records wait, take nothing from the note."""

    recount: bool
    allow_waiting: bool
    everything: bool


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("verify")(verify)


def verify(
    pipelines: PipelinesArgument = None,
    truth: Annotated[Path | None, typer.Option(help="What `eventmill generate` wrote about the clicks sent.")] = None,
    allow_waiting: Annotated[bool, typer.Option("--allow-waiting", help="Records may still be waiting.")] = False,
    recount: Annotated[bool, typer.Option(help="Count Kafka's records again, without Spark.")] = True,
    everything: Annotated[bool, typer.Option("--all", help="Count everything again, not what is new only.")] = False,
    shape: Annotated[OutputFormat, typer.Option("--format", help="How the result is shown.")] = OutputFormat.table,
) -> None:
    """Check that every record is accounted for. Exit 1 when not.

    What has not changed since the last check that held is taken from that one.
    """
    values = settings.load()
    expected = _truth(values, truth) if truth else None
    wanted = _pipelines(values, pipelines or [], [WINDOWS] if expected else [])
    how = How(recount, allow_waiting, everything)
    reports = [_check(values, pipeline, expected, how) for pipeline in wanted]
    if shape is OutputFormat.json:
        data(msgspec.json.encode(reports))
    else:
        for report in reports:
            _show(report)
    if any(report.differences for report in reports):
        raise typer.Exit(1)


def _truth(values: Settings, path: Path) -> Truth:
    expected = ground_truth.read_truth(path)
    click_checks.require_same_windows(values, expected)
    return expected


def _pipelines(values: Settings, named: Sequence[str], needed: Sequence[str]) -> list[str]:
    """The pipelines named, or else all that run and have processed anything, and those that are needed.

    Raises:
        StackError: when there is no such pipeline, one that is needed is not named, or none has processed anything.
    """
    if unknown := [name for name in named if name not in PIPELINES]:
        raise StackError(f"no pipeline is called {unknown[0]!r}; there are {', '.join(PIPELINES)}")
    if named and (missing := [name for name in needed if name not in named]):
        raise StackError(f"the truth is about {missing[0]}: name that pipeline too, or none")
    wanted = named or [
        pipeline
        for pipeline in values.pipelines
        if pipeline in needed or committed_batches.newest_batch(values, pipeline) is not None
    ]
    if not wanted:
        raise StackError("no pipeline has processed anything yet; start the jobs with: eventmill jobs start")
    return list(dict.fromkeys(wanted))


def _check(values: Settings, pipeline: str, truth: Truth | None, how: How) -> ClickReport | EventReport:
    """Check a pipeline, and note what was found when it holds."""
    noted = last_check.NOT_NOTED if how.everything else last_check.read_note(values, pipeline)
    check = partial(_check_windows, truth=truth) if pipeline == WINDOWS else partial(_check_events, pipeline=pipeline)
    report, note = check(values, how, noted)
    if not report.differences and note:
        try:
            last_check.write_note(values, pipeline, note)
        except requests.RequestException as error:
            say(
                f"the next check of {pipeline} begins where this one did, for HDFS did not take its note: {error}",
                err=True,
            )
    return report


def _check_windows(values: Settings, how: How, noted: Found, truth: Truth | None) -> tuple[ClickReport, CheckNote]:
    found = click_snapshot.take_click_snapshot(values, WINDOWS, noted)
    before = found.before.counted.views
    count = partial(recount.recount, refused=found.refused, closed=found.closed(), before=before)
    again = _counted(values, found, count) if how.recount else None
    counted = again.total() if again else None
    found = offset_gaps.count_gaps(values, found, counted)
    report = click_checks.click_report(WINDOWS, found, again, truth, allow_waiting=how.allow_waiting)
    return report, found.note(counted, again.views() if again else None)


def _check_events(values: Settings, how: How, noted: Found, pipeline: str) -> tuple[EventReport, CheckNote]:
    visits = pipeline == STAR_SCHEMA
    take = event_snapshot.take_visit_snapshot if visits else event_snapshot.take_event_snapshot
    found = take(values, pipeline, noted)
    new = _counted(values, found, recount.recount_records) if how.recount else None
    counted = None if new is None else found.before.counted.records + new
    found = offset_gaps.count_gaps(values, found, counted)
    return event_checks.event_report(pipeline, found, allow_waiting=how.allow_waiting), found.note(counted)


def _counted(values: Settings, found: Snapshot, count: Count[Again]) -> Again | None:
    """Counts of the records that the job has counted and no check before; None when some are removed."""
    if found.removed():
        return None
    limits = found.uncounted()
    with progress_bar() as progress:
        task = progress.add_task("counted again", total=sum(held.end - held.first for held in limits.values()))
        return count(values, found.topic, limits, lambda done: progress.update(task, completed=done))


def _show(report: ClickReport | EventReport) -> None:
    console = wide()
    table = Table("records", "number", title=report.pipeline)
    for name, number in report.rows():
        table.add_row(name, str(number))
    console.print(table, *report.notes, sep="\n")
    if not report.differences:
        console.print(f"{report.pipeline}: every record is accounted for")
        return
    table = Table("what differs", "expected", "found", title=f"{len(report.differences)} differences")
    for difference in report.differences[:SHOWN]:
        table.add_row(difference.what, str(difference.expected), str(difference.found))
    console.print(table)
