"""Commands for a pipeline's tables in Hive: made, compacted, and told about in a report."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from eventmill.config import settings
from eventmill.lake import hive_tables
from ops.cli.data import progress_bar
from ops.cli.display import say, wide
from ops.cli.sql import Engine
from ops.maintenance import compaction
from ops.reports import analytics_report

OutOption = Annotated[Path | None, typer.Option(help="The folder to write to; by default reports in STATE_DIR.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("tables")(make_tables)
    app.command()(compact)
    app.command("report")(write_report)


def make_tables(pipeline: Annotated[str, typer.Argument(help="A pipeline such as game.")]) -> None:
    """Make a pipeline's Hive tables where they are missing, and let Hive find the days that HDFS has."""
    for name in hive_tables.apply_hive_tables(settings.load(), pipeline):
        say(name)


def compact(pipeline: Annotated[str, typer.Argument(help="A pipeline such as game.")]) -> None:
    """Rewrite the files of a pipeline's closed days as few large ones; its job and its readers go on meanwhile."""
    found = compaction.compact_pipeline(settings.load(), pipeline, lambda table, day: say(f"{table} {day}"))
    if found:
        _show(found)
    else:
        say(f"{pipeline}: no closed day has small files")


def _show(found: Iterable[compaction.Compacted]) -> None:
    table = Table("table", "days", "rows", "files", "after", "MB", "after", "scan s", "after")
    for each in found:
        table.add_row(
            each.table,
            str(each.days),
            f"{each.scan_after.rows:,}",
            f"{each.before.files:,}",
            f"{each.after.files:,}",
            f"{each.before.bytes / 2**20:.1f}",
            f"{each.after.bytes / 2**20:.1f}",
            f"{each.scan_before.seconds:.2f}",
            f"{each.scan_after.seconds:.2f}",
        )
    wide().print(table)


def write_report(
    pipeline: Annotated[str, typer.Argument(help="A pipeline: game.")],
    out: OutOption = None,
    engine: Annotated[Engine, typer.Option(help="Who is asked.")] = Engine.presto,
) -> None:
    """Write a pipeline's report from its named queries: a page, the same as Markdown, and the charts. Times are UTC."""
    values = settings.load()
    asked = analytics_report.questions(pipeline, engine)
    with progress_bar() as bar:
        sections = [
            analytics_report.answer_query(values, query, engine) for query in bar.track(asked, description="queries")
        ]
    steps = analytics_report.steps(values, pipeline, engine)
    made = analytics_report.AnalyticsReport(pipeline, engine.value, datetime.now(UTC), steps, sections)
    for path in analytics_report.write_files(made, out or values.state_dir / "reports"):
        say(path)
