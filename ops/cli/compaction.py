"""The command that makes small files large ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.table import Table

from eventmill.config import settings
from ops.cli.display import say, wide
from ops.maintenance import compaction


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(compact)


def compact(line: Annotated[str, typer.Argument(help="A line such as game.")]) -> None:
    """Write the files of a line's closed days anew, as few large ones; its job and its readers go on meanwhile."""
    found = compaction.compact(settings.load(), line, lambda table, day: say(f"{table} {day}"))
    if found:
        _show(found)
    else:
        say(f"{line}: no closed day has small files")


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
