"""Commands for Kafka: its topics, and the forwarder that copies visits from another cluster."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.table import Table

from eventmill.config import settings
from eventmill.kafka import forwarder, topic_reader, topics
from ops.cli.display import OutputFormat, data, wide

topics_app = typer.Typer(help="Make and list Kafka's topics.", no_args_is_help=True)
forward_app = typer.Typer(
    help="Look at the forwarder, which copies visits from the source cluster.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(topics_app, name="topics")
    app.add_typer(forward_app, name="forward")


@topics_app.command("apply")
def apply_all() -> None:
    """Make the topics that are missing; give the others the partitions and the configuration that are declared."""
    for name, done in topics.apply_topics(settings.load()).items():
        wide().print(f"{name}: {done}")


@topics_app.command("list")
def list_all() -> None:
    """Show each declared topic, its partitions in Kafka, how many records it holds, and what `topics apply` changes."""
    values = settings.load()
    table = Table("topic", "partitions", "records", "key", "what it holds", "differs from what is declared")
    with topics.administration(values) as administration, topic_reader.consumer(values) as client:
        has = topics.existing(administration)
        declared = topics.declared(values)
        other = topics.config_differences(administration, [topic for topic in declared if topic.name in has])
        for topic in declared:
            held = topic_reader.offset_ranges(client, topic.name).values() if topic.name in has else ()
            records = sum(limits.end - limits.first for limits in held) if held else "missing"
            differs = ", ".join(f"{name}={value}" for name, value in other.get(topic.name, {}).items())
            table.add_row(topic.name, str(has.get(topic.name, 0)), str(records), topic.key, topic.about, differs)
    wide().print(table)


@forward_app.callback()
def forward() -> None:
    """Look at the forwarder, which copies visits from the source cluster."""


@forward_app.command()
def status(
    shape: Annotated[OutputFormat, typer.Option("--format", help="How the result is shown.")] = OutputFormat.table,
) -> None:
    """Show how far each partition of the source's topic is copied."""
    values = settings.load()
    found = forwarder.forwarder_status(values)
    if shape is OutputFormat.json:
        data(msgspec.json.encode(found))
        return
    table = Table("partition", "copied up to", "source's end", "records left")
    for part in found:
        table.add_row(*map(str, (part.partition, part.copied, part.end, part.lag)))
    total = sum(part.lag for part in found)
    table.add_row("all", "", "", str(total))
    wide().print(f"{values.forward_topic} at {values.forward_source} → {values.visits_topic}", table)
