"""PostgreSQL's first starts: killed at any moment they leave no role, database or schema half made."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import psutil
import psycopg
import pytest

from eventmill.config.polling import until
from eventmill.config.settings import ENV_FILE, Settings
from eventmill.databases import postgres
from ops.stack.engines import service, service_environment
from ops.stack.native_stack import why_not_ready
from ops.stack.preflight import is_free

POSTGRES = service("postgres")
KILLED_AFTER = (0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1)
"""Seconds after which a start is killed; one that is left alone takes about one."""


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """A server with nothing yet."""
    port = next(port for port in count(32500) if is_free(port))
    return Settings(_env_file=ENV_FILE, state_dir=tmp_path, postgres_port=port)


def start(own: Settings) -> subprocess.Popen[bytes]:
    """Start the server."""
    environment = os.environ | service_environment(own)
    with (own.state_dir / "log").open("ab") as log:
        return subprocess.Popen([POSTGRES.run], env=environment, stdout=log, stderr=log)


def start_and_kill(own: Settings, seconds: float) -> None:
    """Start the server and end all of it at once, so many seconds after that."""
    process = start(own)
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    # Each of the server's processes is in a session of its own.
    tree = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.kill()
    for each in tree:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()
    psutil.wait_procs(tree, 10)
    until(lambda: not kill_those_of(own), 10, "a process of the server outlives its kill", every=0.05)


def kill_those_of(own: Settings) -> list[psutil.Process]:
    """Kill what was forked while the others were killed; returns what was still there."""
    data = str(own.state_dir)
    found = [
        each for each in psutil.process_iter(["cmdline"]) if any(data in word for word in each.info["cmdline"] or ())
    ]
    for each in found:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    return found


@contextmanager
def running(own: Settings) -> Iterator[None]:
    """The server, ready."""
    process, environment = start(own), os.environ | service_environment(own)
    try:
        until(lambda: why_not_ready(POSTGRES, environment) is None, 60, "PostgreSQL is not ready")
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def hives(own: Settings, statement: str) -> list[tuple[object, ...]]:
    """What the metastore's database answers to its role."""
    with psycopg.connect(
        host=own.postgres_host,
        port=own.postgres_port,
        user="hive",
        password=own.hive_metastore_password,
        dbname="metastore",
    ) as connection:
        return connection.execute(statement).fetchall()


def test_first_starts_that_are_killed_leave_nothing_half_done(own: Settings) -> None:
    for seconds in KILLED_AFTER:
        start_and_kill(own, seconds)
    with running(own):
        assert hives(own, 'SELECT "SCHEMA_VERSION" FROM "VERSION"') == [("4.0.0",)]
        databases = {name for (name,) in hives(own, "SELECT datname FROM pg_database WHERE NOT datistemplate")}
    assert databases == {"airflow", "metastore", "postgres"}


def test_data_of_a_server_without_a_metastore_get_one_that_no_other_role_may_enter(own: Settings) -> None:
    with running(own), postgres.connect(own, postgres.FIRST) as connection:
        connection.autocommit = True
        connection.execute("DROP DATABASE metastore")
        connection.execute("DROP ROLE hive")
        connection.execute("CREATE ROLE other LOGIN PASSWORD 'other-password'")
    with running(own):
        assert hives(own, "SELECT COUNT(*) > 80 FROM pg_tables WHERE tableowner = 'hive'") == [(True,)]
        assert hives(own, "SELECT has_schema_privilege('other', 'public', 'CREATE')") == [(False,)]
        for privilege in ("CONNECT", "TEMPORARY"):
            assert hives(own, f"SELECT has_database_privilege('other', 'metastore', '{privilege}')") == [(False,)]


def test_a_password_that_changes_holds_from_the_next_start_on(own: Settings) -> None:
    with running(own):
        pass
    changed = own.model_copy(update={"hive_metastore_password": "another-password"})
    with running(changed):
        assert hives(changed, "SELECT 1") == [(1,)]
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            hives(own, "SELECT 1")
