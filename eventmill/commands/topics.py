"""Commands for Kafka's topics."""

from __future__ import annotations

import typer
from rich.table import Table

from eventmill import reader, settings, topics
from eventmill.commands.display import wide

app = typer.Typer(help="Make and list Kafka's topics.", no_args_is_help=True)


@app.command("apply")
def apply_all() -> None:
    """Make the topics that are missing and add partitions where more are set."""
    for name, done in topics.apply(settings.load()).items():
        wide().print(f"{name}: {done}")


@app.command("list")
def list_all() -> None:
    """Show each declared topic, its partitions in Kafka and how many records it holds."""
    values = settings.load()
    table = Table("topic", "partitions", "records", "key", "what it holds")
    with topics.administration(values) as administration, reader.consumer(values) as client:
        has = topics.existing(administration)
        for topic in topics.declared(values):
            held = reader.bounds(client, topic.name).values() if topic.name in has else ()
            records = sum(limits.end - limits.first for limits in held) if held else "missing"
            table.add_row(topic.name, str(has.get(topic.name, 0)), str(records), topic.key, topic.about)
    wide().print(table)
