"""The commands that ask an engine: a statement, a named query, the leader board."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table

from eventmill.config import settings
from eventmill.databases import leaderboard as leaders
from eventmill.databases import named_queries, query_engines
from eventmill.databases.leaderboard import Leaderboard
from eventmill.text import terminal
from ops.cli.display import changing, data, say, wide
from ops.datagen import spec
from ops.stack.engines import ENGINES, service_environment


class Engine(StrEnum):
    """Who is asked."""

    presto = "presto"
    hive = "hive"
    mysql = "mysql"
    spark = "spark"
    cassandra = "cassandra"
    postgres = "postgres"


class EngineConsole(StrEnum):
    """Who has a console."""

    presto = "presto"
    hive = "hive"


class ResultFormat(StrEnum):
    """Output format of an answer."""

    table = "table"
    csv = "csv"
    json = "json"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("sql")(ask)
    app.command("query")(ask_named)
    app.command("leaderboard")(leaderboard)
    app.command("console", context_settings={"ignore_unknown_options": True})(console)


PAUSE_SECONDS = 1.0
EngineOption = Annotated[Engine | None, typer.Option(help="Who is asked; by default the first that can answer.")]
CompareOption = Annotated[bool, typer.Option("--compare", help="Ask all that can answer, and compare.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="A parameter's value, such as day=2026-03-01.")]
ShapeOption = Annotated[ResultFormat, typer.Option("--format", help="How the answer is shown.")]


def ask(
    engine: Annotated[Engine, typer.Argument(help="Who is asked.")],
    statement: Annotated[str, typer.Argument(help='One statement, such as "SELECT * FROM commerce".')],
    shape: ShapeOption = ResultFormat.table,
) -> None:
    """Ask Presto, Hive, MySQL, Spark, Cassandra or PostgreSQL. Times are UTC."""
    _print(query_engines.ENGINES[engine](settings.load(), statement), shape)


def ask_named(
    name: Annotated[str | None, typer.Argument(help="A query of sql/presto; without one they are listed.")] = None,
    engine: EngineOption = None,
    compare: CompareOption = False,
    values: SetOption = None,
    shape: ShapeOption = ResultFormat.table,
) -> None:
    """Ask a named query. With --compare the exit code is 1 when two engines differ."""
    if name is None:
        _list(named_queries.all_queries().values())
        return
    query, known = named_queries.query(name), settings.load()
    result = query.ask(known, engine or query.engines[0], **_given(values or ()))
    _print(result, shape)
    if compare:
        others = [other for other in query.engines if other != (engine or query.engines[0])]
        differences = {other: named_queries.first_difference(result, query.ask(known, other)) for other in others}
        for other, difference in differences.items():
            say(f"{other}: {difference or 'the same'}", err=True)
        if any(differences.values()):
            raise typer.Exit(1)


def _given(values: Iterable[str]) -> dict[str, str]:
    """The parameters of `--set name=value`."""
    if wrong := [value for value in values if "=" not in value]:
        raise named_queries.QueryError(f"--set takes name=value, not {wrong[0]!r}")
    return {name: value for name, _, value in (value.partition("=") for value in values)}


def leaderboard(
    top: Annotated[int, typer.Option(min=1, help="Show so many users.")] = 10,
    last: Annotated[str, typer.Option(help="Over the newest windows of so much event time, such as 5s or 10m.")] = "1m",
    once: Annotated[bool, typer.Option("--once", help="Show it once instead of live.")] = False,
) -> None:
    """Show the users who did most, live until Ctrl-C."""
    values, span, console = settings.load(), timedelta(seconds=spec.seconds(last)), terminal.Console()
    with changing(console) as show:
        show(_board(leaders.top_users(values, span, top)))
        while not once and console.is_terminal:
            time.sleep(PAUSE_SECONDS)
            show(_board(leaders.top_users(values, span, top)))


def console(
    engine: Annotated[EngineConsole, typer.Argument(help="Whose console.")],
    arguments: Annotated[list[str] | None, typer.Argument(help="What it takes, such as --execute for Presto.")] = None,
) -> None:
    """Open an engine's own console: presto-cli or Hive's beeline."""
    script = ENGINES / engine / "console"
    environment = os.environ | service_environment(settings.load())
    os.execve(script, [str(script), *(arguments or [])], environment)


def _list(known: Iterable[named_queries.NamedQuery]) -> None:
    table = Table("query", "what it tells", "engines", "parameters")
    for query in known:
        table.add_row(query.name, query.about, ", ".join(query.engines), ", ".join(query.parameters))
    wide().print(table)


def _print(result: query_engines.QueryResult, shape: ResultFormat) -> None:
    if shape is ResultFormat.table:
        _show(result)
    else:
        data(query_engines.as_csv(result) if shape is ResultFormat.csv else query_engines.as_json(result))


def _show(result: query_engines.QueryResult) -> None:
    console = wide()
    if not result.columns:
        console.print("done")
        return
    table = Table()
    for index, column in enumerate(result.columns):
        numeric = any(isinstance(row[index], int | float) for row in result.rows)
        table.add_column(column, justify="right" if numeric else "left")
    for row in result.rows:
        table.add_row(*map(query_engines.cell_text, row))
    console.print(table, f"{len(result.rows)} rows")


def _board(board: Leaderboard | None) -> Table:
    table = Table("rank", "user", "actions", "put into the cart", "orders", title_justify="left")
    if board is None:
        table.title = "no user did anything yet"
        return table
    table.title = f"{board.begin:%Y-%m-%d %H:%M:%S} to {board.end:%H:%M:%S} UTC"
    for rank, leader in enumerate(board.leaders, 1):
        table.add_row(str(rank), leader.userid, *map(str, (leader.actions, leader.carts, leader.orders)))
    return table
