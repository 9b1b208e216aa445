"""The commands that ask an engine: a statement, a named query."""

from __future__ import annotations

import os
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table

from eventmill.config import settings
from eventmill.databases import named_queries, query_engines
from eventmill.lake import hive_tables
from ops.cli.display import data, say, wide
from ops.stack.engines import ENGINES, service_environment


class Engine(StrEnum):
    """Who is asked."""

    presto = "presto"
    hive = "hive"
    mysql = "mysql"
    spark = "spark"
    cassandra = "cassandra"
    postgres = "postgres"


class Console(StrEnum):
    """Who has a console."""

    presto = "presto"
    hive = "hive"


class Shape(StrEnum):
    """How the answer is shown."""

    table = "table"
    csv = "csv"
    json = "json"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("sql")(ask)
    app.command("query")(ask_named)
    app.command("tables")(make_tables)
    app.command("console", context_settings={"ignore_unknown_options": True})(console)


EngineOption = Annotated[Engine | None, typer.Option(help="Who is asked; by default the first that can answer.")]
CompareOption = Annotated[bool, typer.Option("--compare", help="Ask all that can answer, and compare.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="A parameter's value, such as day=2026-03-01.")]
ShapeOption = Annotated[Shape, typer.Option("--format", help="How the answer is shown.")]


def ask(
    engine: Annotated[Engine, typer.Argument(help="Who is asked.")],
    statement: Annotated[str, typer.Argument(help='One statement, such as "SELECT * FROM commerce".')],
    shape: ShapeOption = Shape.table,
) -> None:
    """Ask Presto, Hive, MySQL, Spark, Cassandra or PostgreSQL. Times are UTC."""
    _print(query_engines.ENGINES[engine](settings.load(), statement), shape)


def ask_named(
    name: Annotated[str | None, typer.Argument(help="A query of sql/presto; without one they are listed.")] = None,
    engine: EngineOption = None,
    compare: CompareOption = False,
    values: SetOption = None,
    shape: ShapeOption = Shape.table,
) -> None:
    """Ask a named query. With --compare the exit code is 1 when two engines differ."""
    if name is None:
        _list(named_queries.queries().values())
        return
    query, known = named_queries.query(name), settings.load()
    result = query.ask(known, engine or query.engines[0], **_given(values or ()))
    _print(result, shape)
    if compare:
        others = [other for other in query.engines if other != (engine or query.engines[0])]
        differences = {other: named_queries.difference(result, query.ask(known, other)) for other in others}
        for other, difference in differences.items():
            say(f"{other}: {difference or 'the same'}", err=True)
        if any(differences.values()):
            raise typer.Exit(1)


def _given(values: Iterable[str]) -> dict[str, str]:
    """The parameters of `--set name=value`."""
    if wrong := [value for value in values if "=" not in value]:
        raise named_queries.QueryError(f"--set takes name=value, not {wrong[0]!r}")
    return {name: value for name, _, value in (value.partition("=") for value in values)}


def make_tables(line: Annotated[str, typer.Argument(help="A line such as game.")]) -> None:
    """Make a line's Hive tables where they are missing, and let Hive find the days that HDFS has."""
    for name in hive_tables.apply(settings.load(), line):
        say(name)


def console(
    engine: Annotated[Console, typer.Argument(help="Whose console.")],
    arguments: Annotated[list[str] | None, typer.Argument(help="What it takes, such as --execute for Presto.")] = None,
) -> None:
    """Open an engine's own console: presto-cli or Hive's beeline."""
    script = ENGINES / engine / "console"
    environment = os.environ | service_environment(settings.load())
    os.execve(script, [str(script), *(arguments or [])], environment)


def _list(known: Iterable[named_queries.Query]) -> None:
    table = Table("query", "what it tells", "engines", "parameters")
    for query in known:
        table.add_row(query.name, query.about, ", ".join(query.engines), ", ".join(query.parameters))
    wide().print(table)


def _print(result: query_engines.Result, shape: Shape) -> None:
    if shape is Shape.table:
        _show(result)
    else:
        data(query_engines.as_csv(result) if shape is Shape.csv else query_engines.as_json(result))


def _show(result: query_engines.Result) -> None:
    console = wide()
    if not result.columns:
        console.print("done")
        return
    table = Table()
    for index, column in enumerate(result.columns):
        numeric = any(isinstance(row[index], int | float) for row in result.rows)
        table.add_column(column, justify="right" if numeric else "left")
    for row in result.rows:
        table.add_row(*map(query_engines.text, row))
    console.print(table, f"{len(result.rows)} rows")
