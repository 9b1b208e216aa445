"""The services of the stack: which engine runs each, what it waits for, its ports and its memory."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Set
from dataclasses import dataclass
from pathlib import Path

from eventmill.config.errors import EventmillError
from eventmill.config.settings import ROOT, Settings
from ops.stack import java

ENGINES = ROOT / "engines"


class ServiceError(EventmillError, ValueError):
    """There is no such service; the message names those that exist."""


@dataclass(frozen=True)
class Service:
    """One process of the stack.

    `name` is also the argument of the engine's `run` and `ready`; `ports` are names of settings, the first is the one
    that users meet; `memory_mb` is the resident memory in MB seen with the default heaps; `stop_signal` ends it,
    and what has not ended `stop_seconds` later is killed; `pipelines` are those that need it, all when there are none.
    """

    name: str
    engine: str
    needs: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    memory_mb: int = 0
    stop_signal: str = "TERM"
    stop_seconds: int = 30
    pipelines: tuple[str, ...] = ()

    @property
    def run(self) -> Path:
        """The script that starts the service in the foreground."""
        return ENGINES / self.engine / "run"

    @property
    def ready(self) -> Path:
        """The script that exits 0 when the service serves."""
        return ENGINES / self.engine / "ready"

    def port_numbers(self, settings: Settings) -> dict[str, int]:
        """Each port setting's name in capitals with its number."""
        return {name.upper(): getattr(settings, name) for name in self.ports}


SERVICES = (
    Service("kafka", "kafka", (), ("kafka_port", "kafka_sasl_port", "kafka_controller_port"), 220),
    Service("namenode", "hdfs", (), ("hdfs_port", "hdfs_http_port"), 180),
    Service(
        "datanode",
        "hdfs",
        ("namenode",),
        ("hdfs_datanode_port", "hdfs_datanode_http_port", "hdfs_datanode_ipc_port"),
        175,
    ),
    Service("mysql", "mysql", (), ("mysql_port",), 290),
    Service("postgres", "postgres", (), ("postgres_port",), 60, "INT"),
    Service("cassandra", "cassandra", (), ("cassandra_port", "cassandra_storage_port"), 680, pipelines=("orders",)),
    Service("metastore", "hive", ("datanode", "postgres"), ("hive_metastore_port",), 230),
    Service("hiveserver2", "hive", ("metastore",), ("hive_server_port",), 350),
    Service("presto", "presto", ("metastore", "mysql"), ("presto_port",), 480),
    Service("nifi", "nifi", (), ("nifi_port", "nifi_management_port"), 600, pipelines=("clicks",)),
    Service("api", "api", ("kafka", "mysql"), ("api_port",), 170),
    Service("game", "api", ("kafka", "mysql"), ("game_port",), 170, pipelines=("game",)),
    Service("dashboard", "dashboard", (), ("dashboard_port",), 240),
    Service("mail", "mail", (), ("mail_port",), 30),
    Service("source", "source", (), ("source_port",), 20, pipelines=("clicks",)),
    Service(
        "source-kafka", "kafka", (), ("source_kafka_port", "source_kafka_controller_port"), 210, pipelines=("visits",)
    ),
    Service("forwarder", "mirrormaker", ("kafka", "source-kafka"), ("forward_port",), 200, pipelines=("visits",)),
    Service(
        "resourcemanager",
        "yarn",
        ("datanode",),
        ("yarn_ui_port", "yarn_port", "yarn_scheduler_port", "yarn_tracker_port", "yarn_admin_port"),
        300,
    ),
    Service(
        "nodemanager",
        "yarn",
        ("resourcemanager",),
        ("yarn_node_ui_port", "yarn_node_port", "yarn_localizer_port"),
        300,
    ),
    Service("api-server", "airflow", (), ("airflow_port",), 290),
    # A task that is broken off is tried again; for as long as one may take, nobody waits.
    Service("scheduler", "airflow", ("api-server",), (), 450, stop_seconds=8),
    Service("dag-processor", "airflow", ("api-server",), (), 250),
    Service("triggerer", "airflow", ("api-server",), (), 300),
)


def service(name: str) -> Service:
    """The service of that name.

    Raises:
        ServiceError: naming the services that exist.
    """
    for candidate in SERVICES:
        if candidate.name == name:
            return candidate
    raise ServiceError(f"no service is called {name!r}; there are {', '.join(s.name for s in SERVICES)}")


def with_needs(names: Iterable[str]) -> tuple[Service, ...]:
    """The named services and all that they need, in order of dependency."""
    named = set(names)
    for s in reversed(SERVICES):
        named |= set(s.needs) if s.name in named else set()
    if unknown := named - {s.name for s in SERVICES}:
        service(unknown.pop())
    return tuple(s for s in SERVICES if s.name in named)


def first_to_end(running: Set[str]) -> Set[str]:
    """The running programs that end next when the stack stops, all at the same time.

    First the jobs, then the services that no other needs, and then each of the rest once none that needs it runs: a
    store ends after all that write to it, those too that can wait for it and so do not name it among their needs.
    """
    if jobs := running - {s.name for s in SERVICES}:
        return jobs
    if leaves := running - {need for s in SERVICES for need in s.needs}:
        return leaves
    return running - {need for s in SERVICES if s.name in running for need in s.needs}


def enabled_services(settings: Settings) -> tuple[Service, ...]:
    """The services of the stack as it is set, in order of dependency."""
    return tuple(s for s in SERVICES if _is_wanted(s, settings))


def _is_wanted(s: Service, settings: Settings) -> bool:
    if s.engine == "yarn":
        return settings.spark_master == "yarn"
    if s.name == "source-kafka" and settings.forward_bootstrap:
        return False
    return not s.pipelines or not set(s.pipelines).isdisjoint(settings.pipelines)


def service_environment(settings: Settings) -> dict[str, str]:
    """The variables that every `run`, `ready` and `fetch` script may read: all settings, ROOT, PYTHON and JAVA_HOME."""
    return settings.environment() | {
        "ROOT": str(ROOT),
        "PYTHON": sys.executable,
        "JAVA_HOME": str(java.find_java(settings)),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "TZ": "UTC",
    }
