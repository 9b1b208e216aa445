"""What a running stack gets before its first event: topics, MySQL tables and the NiFi flows."""

from __future__ import annotations

from collections.abc import Callable

from eventmill import mysql, topics
from eventmill.settings import Settings
from nifi import deploy


def prepare(settings: Settings, on_step: Callable[[str], None] = lambda _: None) -> None:
    """Make what is missing; again, it does nothing."""
    on_step("topics")
    topics.apply(settings)
    on_step("MySQL tables")
    mysql.apply_tables(settings)
    on_step("NiFi flows")
    deploy.deploy(settings)
