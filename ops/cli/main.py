"""The command line: its commands, loaded when they are called, and errors as one sentence."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup


class Command(NamedTuple):
    """Module of a command or group in `ops.cli`, and its line in the help."""

    module: str
    summary: str


COMMANDS = {
    "setup": Command("stack", "Fetch all that the stack needs, by the lock files and poms."),
    "up": Command("stack", "Start the stack and wait until every service is ready."),
    "down": Command("stack", "Stop all jobs and services."),
    "status": Command("stack", "Show each service and job: state, process, uptime, memory, port."),
    "logs": Command("stack", "Show the end of a service's or job's log."),
    "topics": Command("kafka", "Make and list Kafka's topics."),
    "generate": Command("data", "Write seeded sample events and the truth about them."),
    "send": Command("data", "Send a file, and wait until Kafka has it."),
    "watch": Command("data", "Show a topic's records as they come."),
    "rejected": Command("rejected", "Show what was rejected, and why; mend it and send it again."),
    "jobs": Command("jobs", "Start, stop, look at and run the Spark jobs."),
    "sql": Command("sql", "Ask Presto, Hive, MySQL, Spark, Cassandra or PostgreSQL."),
    "query": Command("sql", "Ask a named query, and compare the engines' answers."),
    "tables": Command("tables", "Make a pipeline's Hive tables, and let Hive find new days."),
    "compact": Command("tables", "Make the small files of a pipeline's closed days few large ones."),
    "report": Command("tables", "Write a pipeline's analytics report, as HTML and Markdown with charts."),
    "console": Command("sql", "Open an engine's own console."),
    "demo": Command("demo", "Run the pipelines on sample data, and show what came of it."),
    "play": Command("clients", "Let players visit the game."),
    "shop": Command("clients", "Keep the shop busy: customers who order and look up orders."),
    "leaderboard": Command("sql", "Show the users who did most in the shop, live."),
    "key": Command("clients", "Make a key of the event API for a client, and what API_KEYS holds of it."),
    "forward": Command("kafka", "Look at the forwarder, which copies visits from the source cluster."),
    "verify": Command("verify", "Check that every record is accounted for."),
}


CONTINUED = "\n  "
"""Further lines of an error are indented: none can pass for another message."""

# These libraries log what they also raise.
LOUD = ("kafka", "thrift", "SQLQueryContextLogger", "DataFrameQueryContextLogger")


class LazyGroup(TyperGroup):
    """Knows the names and summaries of all commands, and loads the module of the one that is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name, help=entry.summary) for name, entry in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command of that name, in full."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load_command(str(name)), rest


def module_of(name: str) -> Any:
    """The module that the command or group of that name lives in."""
    return import_module(f"ops.cli.{COMMANDS[name].module}")


def load_command(name: str) -> Any:
    """The command or group of that name, from its module."""
    group = typer.Typer(rich_markup_mode=None)
    module_of(name).register(group)
    return typer.main.get_group(group).commands[name]


app = typer.Typer(
    cls=LazyGroup, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)


@app.callback()
def eventmill() -> None:
    """Streaming analytics on NiFi, Kafka, Spark, HDFS, Hive, Airflow and MySQL."""


def main() -> None:
    """Run the command line; a foreseen error ends it with one sentence and exit code 1."""
    for library in LOUD:
        logging.getLogger(library).setLevel(logging.CRITICAL)
    try:
        app()
    except Exception as error:
        from eventmill.config.errors import explain
        from eventmill.text.printable import visible_lines

        if os.environ.get("EVENTMILL_DEBUG") or not (sentence := explain(error)):
            typer.echo(visible_lines("".join(traceback.format_exception(error)).rstrip()), err=True)
        else:
            typer.secho(visible_lines(f"error: {sentence}").replace("\n", CONTINUED), fg="red", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
