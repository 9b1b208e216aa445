"""The command that asks an engine."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table

from eventmill import settings, sql
from eventmill.commands.display import wide


class Engine(StrEnum):
    """Who is asked."""

    hive = "hive"
    mysql = "mysql"
    spark = "spark"


class Shape(StrEnum):
    """How the answer is shown."""

    table = "table"
    csv = "csv"
    json = "json"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("sql")(ask)


def ask(
    engine: Annotated[Engine, typer.Argument(help="Who is asked.")],
    statement: Annotated[str, typer.Argument(help='One statement, such as "SELECT * FROM commerce".')],
    shape: Annotated[Shape, typer.Option("--format", help="How the answer is shown.")] = Shape.table,
) -> None:
    """Ask Hive, MySQL or Spark. Times are UTC."""
    result = sql.ENGINES[engine](settings.load(), statement)
    if shape is Shape.table:
        _show(result)
    else:
        typer.echo(sql.as_csv(result) if shape is Shape.csv else sql.as_json(result))


def _show(result: sql.Result) -> None:
    console = wide()
    if not result.columns:
        console.print("done")
        return
    table = Table()
    for index, column in enumerate(result.columns):
        numeric = any(isinstance(row[index], int | float) for row in result.rows)
        table.add_column(column, justify="right" if numeric else "left")
    for row in result.rows:
        table.add_row(*map(sql.text, row))
    console.print(table, f"{len(result.rows)} rows")
