"""Tables that change while one looks: live on a terminal, printed once at the end elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

from rich.console import Console, RenderableType
from rich.live import Live

WIDE = 1000


class Shape(StrEnum):
    """How a result is shown."""

    table = "table"
    json = "json"


def wide() -> Console:
    """A console that cuts nothing off when what it prints goes to a file or a pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDE)


@contextmanager
def changing(console: Console) -> Iterator[Callable[[RenderableType], None]]:
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
