"""Commands for the forwarder of visits."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.table import Table

from eventmill.config import settings
from eventmill.kafka import forwarder as forward
from ops.cli.display import Shape, data, wide

app = typer.Typer(help="Look at the forwarder, which copies visits from the source cluster.", no_args_is_help=True)


@app.callback()
def forwarder() -> None:
    """Look at the forwarder, which copies visits from the source cluster."""


@app.command()
def status(
    shape: Annotated[Shape, typer.Option("--format", help="How the result is shown.")] = Shape.table,
) -> None:
    """Show how far each partition of the source's topic is copied."""
    values = settings.load()
    found = forward.status(values)
    if shape is Shape.json:
        data(msgspec.json.encode(found))
        return
    table = Table("partition", "copied up to", "source's end", "records left")
    for part in found:
        table.add_row(*map(str, (part.partition, part.copied, part.end, part.lag)))
    total = sum(part.lag for part in found)
    table.add_row("all", "", "", str(total))
    wide().print(f"{values.forward_topic} at {values.forward_source} → {values.visits_topic}", table)
