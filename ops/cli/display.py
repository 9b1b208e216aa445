"""All that the commands print: for people as visible text, for machines as it is.

Nothing else of the commands writes to the terminal, so that no event can. Tables that change while one looks are live
on a terminal, and printed once at the end elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import typer
from rich.console import Console as AnyConsole
from rich.console import RenderableType
from rich.live import Live

from eventmill.text.printable import visible, visible_lines
from eventmill.text.terminal import Console

WIDE = 1000


class OutputFormat(StrEnum):
    """Output format of a result."""

    table = "table"
    json = "json"


def say(text: object, **style: Any) -> None:
    """Print one line for people, with escapes for what cannot be seen in it."""
    typer.secho(visible(str(text)), **style)


def say_lines(text: str) -> None:
    """Print text for people that may have several lines."""
    typer.echo(visible_lines(text))


def data(text: str | bytes) -> None:
    """Print JSON or CSV for machines, byte by byte as it is."""
    # From a string, click would take the terminal's sequences away in a pipe.
    typer.echo(text.encode() if isinstance(text, str) else text)


def wide() -> Console:
    """A console that cuts nothing off when what it prints goes to a file or a pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDE)


@contextmanager
def changing(console: AnyConsole) -> Iterator[Callable[[RenderableType], None]]:
    """A function that shows its argument in place of what it showed before."""
    if console.is_terminal:
        with Live(console=console, refresh_per_second=4) as live:
            yield live.update
        return
    last: list[RenderableType] = []

    def keep(shown: RenderableType) -> None:
        last[:] = [shown]

    try:
        yield keep
    finally:
        if last:
            console.print(*last)
