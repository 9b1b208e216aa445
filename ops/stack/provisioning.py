"""Provisions a running stack before its first event: topics, tables of its databases and of Hive, NiFi flows."""

from __future__ import annotations

from collections.abc import Callable

from eventmill.config.settings import Settings, load
from eventmill.databases import cassandra, mysql, postgres
from eventmill.kafka import forwarder, topics
from eventmill.lake import hive_tables, warehouse
from nifi import deploy

OF_PIPELINES = (
    ("visits", "topics of the forwarder", forwarder.apply_topics),
    ("visits", "PostgreSQL tables", postgres.apply_tables),
    ("orders", "Cassandra tables", cassandra.apply_tables),
    ("clicks", "NiFi flows", deploy.deploy),
)
"""Provisions of one pipeline alone: the pipeline, a name, and the function that makes it."""


def prepare(settings: Settings, on_step: Callable[[str], None] = lambda _: None) -> int:
    """Make what is missing; again, it does nothing. Returns how many days of tables Hive did not know."""
    on_step("topics")
    topics.apply_topics(settings)
    on_step("MySQL tables")
    mysql.apply_tables(settings)
    for pipeline, what, make in OF_PIPELINES:
        if pipeline in settings.pipelines:
            on_step(what)
            make(settings)
    on_step("Hive tables")
    return make_hive_tables(settings)


def make_hive_tables(settings: Settings) -> int:
    """Make the Hive tables of all enabled pipelines and find their days; returns how many Hive did not know."""
    found = sum(
        sum(hive_tables.apply_hive_tables(settings, pipeline).values())
        for pipeline in settings.pipelines
        if pipeline in hive_tables.pipelines()
    )
    if "orders" in settings.pipelines:
        hive_tables.apply_hive_tables(settings, "warehouse")
        found += warehouse.restore(settings)
    return found


def notice(settings: Settings, found: int) -> str:
    """A sentence on the days that Hive did not know; empty when there were none."""
    if not found:
        return ""
    derby = settings.state_dir / "hive" / "metastore_db"
    old = f"; {derby}, its data of earlier versions, is no longer read and can be deleted" if derby.is_dir() else ""
    return f"Hive found {found} days of tables on HDFS that its metastore did not know{old}"


def before(settings: Settings, service: str) -> None:
    """Make what a service must have before it can be ready."""
    if service == "forwarder":
        forwarder.apply_topics(settings)


def main() -> None:
    """Prepare the stack of the settings, with a pipeline a step."""
    settings = load()
    found = prepare(settings, lambda step: print(f"preparing {step}"))  # noqa: T201
    if said := notice(settings, found):
        print(said)  # noqa: T201


if __name__ == "__main__":
    main()
