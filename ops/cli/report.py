"""The command that writes a line's analytics report."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from eventmill.config import settings
from ops.cli.data import progress_bar
from ops.cli.display import say
from ops.cli.sql import Engine
from ops.reports import analytics_report

OutOption = Annotated[Path | None, typer.Option(help="The folder to write to; by default reports in STATE_DIR.")]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("report")(write_report)


def write_report(
    line: Annotated[str, typer.Argument(help="A line: game.")],
    out: OutOption = None,
    engine: Annotated[Engine, typer.Option(help="Who is asked.")] = Engine.presto,
) -> None:
    """Write a line's report from its named queries: a page, the same as Markdown, and the charts. Times are UTC."""
    values = settings.load()
    asked = analytics_report.questions(line, engine)
    with progress_bar() as bar:
        sections = [analytics_report.answer(values, query, engine) for query in bar.track(asked, description="queries")]
    steps = analytics_report.pipeline(values, line, engine)
    made = analytics_report.Report(line, engine.value, datetime.now(UTC), steps, sections)
    for path in analytics_report.write(made, out or values.state_dir / "reports"):
        say(path)
