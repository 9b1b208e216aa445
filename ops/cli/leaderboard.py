"""The command that shows the leader board."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table

from eventmill.config import settings
from eventmill.databases import leaderboard as leaders
from eventmill.databases.leaderboard import Board
from eventmill.text.terminal import Console
from ops.cli.display import changing
from ops.datagen import spec

PAUSE_SECONDS = 1.0


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("leaderboard")(leaderboard)


def leaderboard(
    top: Annotated[int, typer.Option(min=1, help="Show so many users.")] = 10,
    last: Annotated[str, typer.Option(help="Over the newest windows of so much event time, such as 5s or 10m.")] = "1m",
    once: Annotated[bool, typer.Option("--once", help="Show it once instead of live.")] = False,
) -> None:
    """Show the users who did most, live until Ctrl-C."""
    values, span, console = settings.load(), timedelta(seconds=spec.seconds(last)), Console()
    with changing(console) as show:
        show(_table(leaders.board(values, span, top)))
        while not once and console.is_terminal:
            time.sleep(PAUSE_SECONDS)
            show(_table(leaders.board(values, span, top)))


def _table(board: Board | None) -> Table:
    table = Table("rank", "user", "actions", "put into the cart", "orders", title_justify="left")
    if board is None:
        table.title = "no user did anything yet"
        return table
    table.title = f"{board.begin:%Y-%m-%d %H:%M:%S} to {board.end:%H:%M:%S} UTC"
    for rank, leader in enumerate(board.leaders, 1):
        table.add_row(str(rank), leader.userid, *map(str, (leader.actions, leader.carts, leader.orders)))
    return table
