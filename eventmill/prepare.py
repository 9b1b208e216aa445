"""What a running stack gets before its first event: topics, the tables of its databases, and the NiFi flows."""

from __future__ import annotations

from collections.abc import Callable

from eventmill import cassandra, forward, mysql, postgres
from eventmill.settings import Settings, load
from nifi import deploy


def prepare(settings: Settings, on_step: Callable[[str], None] = lambda _: None) -> None:
    """Make what is missing; again, it does nothing."""
    on_step("topics")
    forward.apply_topics(settings)
    on_step("MySQL tables")
    mysql.apply_tables(settings)
    on_step("Cassandra tables")
    cassandra.apply_tables(settings)
    on_step("PostgreSQL tables")
    postgres.apply_tables(settings)
    on_step("NiFi flows")
    deploy.deploy(settings)


def before(settings: Settings, service: str) -> None:
    """Make what a service must have before it can be ready."""
    if service == "forwarder":
        forward.apply_topics(settings)


def main() -> None:
    """Prepare the stack of the settings, with a line a step."""
    prepare(load(), lambda step: print(f"preparing {step}"))  # noqa: T201


if __name__ == "__main__":
    main()
