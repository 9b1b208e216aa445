"""Commands for Kafka's topics."""

from __future__ import annotations

import typer
from rich.table import Table

from eventmill.config import settings
from eventmill.kafka import topic_reader, topics
from ops.cli.display import wide

app = typer.Typer(help="Make and list Kafka's topics.", no_args_is_help=True)


@app.command("apply")
def apply_all() -> None:
    """Make the topics that are missing; give the others the partitions and the configuration that are declared."""
    for name, done in topics.apply(settings.load()).items():
        wide().print(f"{name}: {done}")


@app.command("list")
def list_all() -> None:
    """Show each declared topic, its partitions in Kafka, how many records it holds, and what `topics apply` changes."""
    values = settings.load()
    table = Table("topic", "partitions", "records", "key", "what it holds", "differs from what is declared")
    with topics.administration(values) as administration, topic_reader.consumer(values) as client:
        has = topics.existing(administration)
        declared = topics.declared(values)
        other = topics.differences(administration, [topic for topic in declared if topic.name in has])
        for topic in declared:
            held = topic_reader.bounds(client, topic.name).values() if topic.name in has else ()
            records = sum(limits.end - limits.first for limits in held) if held else "missing"
            differs = ", ".join(f"{name}={value}" for name, value in other.get(topic.name, {}).items())
            table.add_row(topic.name, str(has.get(topic.name, 0)), str(records), topic.key, topic.about, differs)
    wide().print(table)
