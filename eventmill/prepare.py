"""What a running stack gets before its first event: topics, the tables of its databases, and the NiFi flows."""

from __future__ import annotations

from collections.abc import Callable

from eventmill import cassandra, forward, mysql, postgres, topics
from eventmill.settings import Settings, load
from nifi import deploy

OF_LINES = (
    ("visits", "topics of the forwarder", forward.apply_topics),
    ("visits", "PostgreSQL tables", postgres.apply_tables),
    ("orders", "Cassandra tables", cassandra.apply_tables),
    ("clicks", "NiFi flows", deploy.deploy),
)
"""What only one line needs: the line, what it is, and how it is made."""


def prepare(settings: Settings, on_step: Callable[[str], None] = lambda _: None) -> None:
    """Make what is missing; again, it does nothing."""
    on_step("topics")
    topics.apply(settings)
    on_step("MySQL tables")
    mysql.apply_tables(settings)
    for line, what, make in OF_LINES:
        if line in settings.lines:
            on_step(what)
            make(settings)


def before(settings: Settings, service: str) -> None:
    """Make what a service must have before it can be ready."""
    if service == "forwarder":
        forward.apply_topics(settings)


def main() -> None:
    """Prepare the stack of the settings, with a line a step."""
    prepare(load(), lambda step: print(f"preparing {step}"))  # noqa: T201


if __name__ == "__main__":
    main()
