"""Cassandra: sessions from the settings, and the tables of the keyspace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eventmill.config.settings import ROOT, Settings
from eventmill.databases import sql_scripts

SCRIPTS = ROOT / "sql" / "cassandra"
KEYSPACE = "ecommerce"
CONNECT_SECONDS = 10


def connect(settings: Settings, keyspace: str | None = KEYSPACE) -> Any:
    """A session in the keyspace.

    Raises:
        cassandra.cluster.NoHostAvailable: when Cassandra is away.
    """
    from cassandra.cluster import Cluster

    host, port = settings.cassandra_host, settings.cassandra_port
    return Cluster([host], port=port, connect_timeout=CONNECT_SECONDS, protocol_version=5).connect(keyspace)


@contextmanager
def cassandra_session(settings: Settings, keyspace: str | None = KEYSPACE) -> Iterator[Any]:
    """As `connect`, closed at the end."""
    client = connect(settings, keyspace)
    try:
        yield client
    finally:
        client.cluster.shutdown()


def is_away(error: BaseException) -> bool:
    """True if Cassandra cannot do now what it can do later; the name of a container that is down leads nowhere."""
    from cassandra import OperationTimedOut, RequestExecutionException, UnresolvableContactPoints
    from cassandra.cluster import NoHostAvailable

    away = NoHostAvailable | UnresolvableContactPoints | OperationTimedOut | RequestExecutionException
    return isinstance(error, away)


def is_refusal(error: BaseException) -> bool:
    """True if Cassandra refuses a request as it is, such as one with a key that is too long."""
    from cassandra import InvalidRequest

    return isinstance(error, InvalidRequest)


def apply_tables(settings: Settings) -> None:
    """Make the keyspace and the tables that are missing."""
    with cassandra_session(settings, None) as client:
        replication = f"{{'class': 'SimpleStrategy', 'replication_factor': {settings.cassandra_replication_factor}}}"
        client.execute(f"CREATE KEYSPACE IF NOT EXISTS {KEYSPACE} WITH replication = {replication}")
        client.set_keyspace(KEYSPACE)
        for script in sorted(SCRIPTS.glob("*.cql")):
            for statement in sql_scripts.statements(script.read_text("utf-8")):
                client.execute(statement)
