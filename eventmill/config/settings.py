"""Every setting of the platform, read once from the environment, the secrets folder and `.env`.

A setting is declared here, explained in `.env.example`, and reaches the engines' `run` scripts as an environment
variable of the same name in capitals. The environment wins over `.env`.
"""

from __future__ import annotations

import logging
import os
import shlex
import sys
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from eventmill.config.errors import EventmillError

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
ENV_FILE = ROOT / ".env"
SECRETS_DIR = Path("/run/secrets")

PIPELINES = ("clicks", "game", "carts", "orders", "visits")
"""The data paths, by the nouns that name their files in every layer."""

Port = Annotated[int, Field(ge=1, le=65535)]
Heap = Annotated[str, Field(pattern=r"^[1-9][0-9]*[mg]$", description="a Java heap such as 384m or 2g")]
Secret = Annotated[str, Field(min_length=12, pattern=r"^[A-Za-z0-9_-]+$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$")]
Cron = Annotated[str, Field(pattern=r"^(\S+ ){4}\S+$", description="a cron expression")]
Seconds = Annotated[int, Field(ge=1)]
TopicName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,200}$")]
Partitions = Annotated[int, Field(ge=1, le=1000)]
Password = Annotated[str, Field(pattern=r"^[!#-\[\]-~]+$", description="without spaces, quotes and backslashes")]
Brokers = Annotated[str, Field(pattern=r"^([A-Za-z0-9.-]+:[0-9]{1,5}(,[A-Za-z0-9.-]+:[0-9]{1,5})*)?$")]
API_KEYS = r"^([A-Za-z0-9_.-]+:[0-9a-f]{64}(,[A-Za-z0-9_.-]+:[0-9a-f]{64})*)?$"
"""Names of clients, each with the SHA-256 of its key: `shop:<64 hex digits>,game:<64 hex digits>`."""


class SettingsError(EventmillError, ValueError):
    """A setting is missing or wrong; the message names it and says what is allowed."""


class Settings(BaseSettings):
    """All settings with their defaults; memory as Java heaps, times in seconds, paths relative to the checkout."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_ignore_empty=True)

    state_dir: Path = Path(".eventmill")
    lib_dir: Path = Path(".eventmill/lib")
    disk_reserve_mb: Annotated[int, Field(ge=0)] = 1024
    java_home: Path | None = None
    services_by: Literal["supervisor", "compose"] = "supervisor"
    enabled_pipelines: str = ",".join(PIPELINES)
    enabled_lines: str = ""
    """The old name of ENABLED_PIPELINES, which goes on working."""

    compose_profiles: str = "${ENABLED_PIPELINES}"
    log_level: Literal["debug", "info", "warning", "error"] = "warning"

    kafka_host: str = "127.0.0.1"
    kafka_nodes: Annotated[str, Field(pattern=r"^([A-Za-z0-9.-]+(,[A-Za-z0-9.-]+)*)?$")] = ""
    kafka_port: Port = 9092
    kafka_sasl_host: str = "127.0.0.1"
    kafka_sasl_port: Port = 9094
    kafka_controller_port: Port = 9093
    kafka_heap: Heap = "384m"
    kafka_replication_factor: Annotated[int, Field(ge=1, le=5)] = 1
    kafka_sasl_user: Name = "eventmill"
    kafka_sasl_password: Secret

    hdfs_host: str = "127.0.0.1"
    hdfs_port: Port = 8020
    hdfs_http_port: Port = 9870
    hdfs_datanode_host: str = "127.0.0.1"
    hdfs_datanode_port: Port = 9866
    hdfs_datanode_http_port: Port = 9864
    hdfs_datanode_ipc_port: Port = 9867
    hdfs_replication: Annotated[int, Field(ge=1, le=5)] = 1
    hdfs_namenode_heap: Heap = "256m"
    hdfs_datanode_heap: Heap = "192m"

    compaction_schedule: Cron = "30 1 * * *"
    compaction_target_mb: Annotated[int, Field(ge=1, le=4096)] = 128
    compaction_keep_seconds: Annotated[int, Field(ge=0)] = 3600

    hive_metastore_host: str = "127.0.0.1"
    hive_metastore_port: Port = 9083
    hive_metastore_heap: Heap = "384m"
    hive_metastore_password: Secret
    hive_server_host: str = "127.0.0.1"
    hive_server_port: Port = 10000
    hive_server_heap: Heap = "768m"

    presto_host: str = "127.0.0.1"
    presto_port: Port = 8082
    presto_heap: Heap = "1g"

    mysql_host: str = "127.0.0.1"
    mysql_port: Port = 3306
    mysql_user: Name = "eventmill"
    mysql_database: Name = "eventmill"
    mysql_password: Secret
    mysql_buffer_pool: Heap = "64m"
    shop_database: Name = "eCommerce"
    export_by: Literal["sqoop", "load-data"] = "sqoop"

    cassandra_host: str = "127.0.0.1"
    cassandra_port: Port = 9042
    cassandra_storage_port: Port = 7000
    cassandra_heap: Heap = "384m"
    cassandra_replication_factor: Annotated[int, Field(ge=1, le=5)] = 1

    nifi_host: str = "127.0.0.1"
    nifi_port: Port = 8088
    nifi_management_port: Port = 52020
    nifi_heap: Heap = "512m"
    nifi_sensitive_key: Secret
    clicks_rate: Annotated[int, Field(ge=0)] = 0

    postgres_host: str = "127.0.0.1"
    postgres_port: Port = 5432
    postgres_user: Name = "eventmill"
    postgres_password: Secret
    postgres_database: Name = "eventmill"
    adminer_port: Port = 8085

    airflow_database: Literal["sqlite", "postgres"] = "sqlite"
    airflow_host: str = "127.0.0.1"
    airflow_port: Port = 8080
    airflow_user: Annotated[str, Field(pattern=r"^[A-Za-z0-9._@-]+$")] = "admin"
    airflow_password: Secret
    airflow_jwt_secret: Annotated[str, Field(min_length=64)]

    mail_host: str = "127.0.0.1"
    mail_port: Port = 1025
    mail_to: str = "analytics@example.org"
    mail_from: str = "eventmill@example.org"

    source_host: str = "127.0.0.1"
    source_port: Port = 8089
    clicks_url: str = ""

    source_kafka_host: str = "127.0.0.1"
    source_kafka_port: Port = 9095
    source_kafka_controller_port: Port = 9096
    source_kafka_heap: Heap = "256m"

    forward_bootstrap: Brokers = ""
    forward_topic: TopicName = "product-views"
    forward_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    forward_user: Annotated[str, Field(pattern=r"^[A-Za-z0-9._@-]+$")] = "forwarder"
    forward_password: Password
    forward_port: Port = 8083
    forward_heap: Heap = "192m"

    api_host: str = "127.0.0.1"
    api_port: Port = 8000
    api_workers: Annotated[int, Field(ge=1, le=64)] = 2
    api_threads: Annotated[int, Field(ge=1, le=1000)] = 64
    api_keys: Annotated[str, Field(pattern=API_KEYS)] = ""
    api_requests_per_second: Annotated[int, Field(ge=0)] = 0
    api_trusted_proxies: str = ""
    api_tls_certificate: Path | None = None
    api_tls_key: Annotated[Path | None, Field(validate_default=True)] = None
    api_timeout_seconds: Seconds = 10
    api_event_bytes: Annotated[int, Field(ge=1000, le=1_000_000)] = 1_000_000
    api_batch_bytes: Annotated[int, Field(ge=1000, le=64_000_000)] = 16_000_000
    api_batch_events: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    api_header_bytes: Annotated[int, Field(ge=8192, le=1_000_000)] = 65_536
    api_nesting: Annotated[int, Field(ge=4, le=500)] = 32
    stalled_seconds: Seconds = 300
    game_host: str = "127.0.0.1"
    game_port: Port = 8001

    dashboard_host: str = "127.0.0.1"
    dashboard_port: Port = 8501

    clicks_topic: TopicName = "clicks"
    clicks_partitions: Partitions = 4
    game_topic: TopicName = "events"
    game_partitions: Partitions = 4
    carts_topic: TopicName = "user-actions"
    carts_partitions: Partitions = 4
    carts_abandoned_topic: TopicName = "carts.abandoned"
    carts_timed_out_topic: TopicName = "carts.timed-out"
    orders_topic: TopicName = "orders"
    orders_partitions: Partitions = 4
    order_views_topic: TopicName = "order-views"
    order_views_partitions: Partitions = 4
    visits_topic: TopicName = "page-logs"
    visits_partitions: Partitions = 4

    spark_master: Annotated[str, Field(pattern=r"^(local(\[(\*|[1-9][0-9]*)\])?|yarn|spark://.+|k8s://.+)$")] = (
        "local[*]"
    )
    spark_kafka_reader: Literal["librdkafka", "spark"] = "librdkafka"
    spark_driver_memory: Heap = "1g"
    spark_driver_host: str = "127.0.0.1"
    spark_ui_port: Annotated[int, Field(ge=0, le=65535)] = 0
    spark_master_ui_port: Port = 8081
    spark_worker_cores: Annotated[int, Field(ge=1)] = 1
    spark_worker_memory: Heap = "1g"
    spark_shuffle_partitions: Annotated[int, Field(ge=1, le=10_000)] = os.cpu_count() or 2
    spark_executors: Annotated[int, Field(ge=1, le=1000)] = 2
    yarn_host: str = "127.0.0.1"
    yarn_ui_port: Port = 8087
    yarn_port: Port = 8032
    yarn_scheduler_port: Port = 8030
    yarn_tracker_port: Port = 8031
    yarn_admin_port: Port = 8033
    yarn_heap: Heap = "256m"
    yarn_node_host: str = "127.0.0.1"
    yarn_node_ui_port: Port = 8042
    yarn_node_port: Port = 8041
    yarn_localizer_port: Port = 8040
    yarn_node_heap: Heap = "256m"
    yarn_memory_mb: Annotated[int, Field(ge=1024)] = 6144
    yarn_cores: Annotated[int, Field(ge=1)] = 4
    max_event_time_ahead_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    clicks_trigger_seconds: Seconds = 5
    clicks_window_seconds: Seconds = 300
    clicks_watermark_seconds: Seconds = 300
    clicks_idle_seconds: Seconds = 300
    clicks_live: bool = True
    clicks_max_offsets_per_trigger: Annotated[int, Field(ge=1)] = 1_000_000
    game_trigger_seconds: Seconds = 10
    game_watermark_seconds: Seconds = 3600
    game_max_offsets_per_trigger: Annotated[int, Field(ge=1)] = 100_000
    cart_timeout: Seconds = 1800
    carts_real_time: bool | None = None
    carts_trigger_seconds: Seconds = 5
    carts_window_seconds: Seconds = 5
    carts_watermark_seconds: Seconds = 60
    carts_idle_seconds: Seconds = 60
    carts_max_offsets_per_trigger: Annotated[int, Field(ge=1)] = 100_000
    views_trigger_seconds: Seconds = 10
    views_window_seconds: Seconds = 60
    orders_schedule: Cron = "*/5 * * * *"
    orders_trigger_seconds: Seconds = 10
    orders_watermark_seconds: Seconds = 3600
    orders_max_offsets_per_trigger: Annotated[int, Field(ge=1)] = 100_000
    visits_trigger_seconds: Seconds = 10
    visits_watermark_seconds: Seconds = 3600
    visits_max_offsets_per_trigger: Annotated[int, Field(ge=1)] = 100_000
    visits_locations: str = ""
    visits_key: Secret

    @model_validator(mode="before")
    @classmethod
    def _old_names(cls, values: dict[str, Any]) -> dict[str, Any]:
        old = values.pop("enabled_lines", "")
        if old and not values.get("enabled_pipelines"):
            log.warning("the setting ENABLED_LINES is now called ENABLED_PIPELINES; the old name goes on working")
            values["enabled_pipelines"] = old
        return values

    @field_validator("state_dir", "lib_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return ROOT / path

    @field_validator("enabled_pipelines")
    @classmethod
    def _known_pipelines(cls, names: str) -> str:
        given = set(names.split(","))
        if not given.issubset(PIPELINES):
            raise ValueError(f"must be of {','.join(PIPELINES)}, separated by commas")
        return ",".join(pipeline for pipeline in PIPELINES if pipeline in given)

    @field_validator("postgres_user", "postgres_database")
    @classmethod
    def _not_the_metastores(cls, name: str) -> str:
        if name in ("hive", "metastore"):
            raise ValueError("must not be hive or metastore, which are those of Hive's metastore")
        return name

    @field_validator("api_trusted_proxies")
    @classmethod
    def _addresses(cls, names: str) -> str:
        for name in names.split(",") if names else ():
            try:
                ip_network(name)
            except ValueError as error:
                raise ValueError(f"must be IP addresses or networks, separated by commas: {error}") from None
        return names

    @field_validator("api_tls_certificate", "api_tls_key")
    @classmethod
    def _tls(cls, file: Path | None, known: ValidationInfo) -> Path | None:
        if known.field_name == "api_tls_key" and (file is None) != (known.data.get("api_tls_certificate") is None):
            raise ValueError("API_TLS_CERTIFICATE and API_TLS_KEY are set together or not at all")
        return file and ROOT / file

    @field_validator("forward_mechanism")
    @classmethod
    def _known_there(cls, mechanism: str, known: ValidationInfo) -> str:
        if mechanism != "PLAIN" and not known.data.get("forward_bootstrap"):
            raise ValueError("the demo's source cluster knows only PLAIN; name your own in FORWARD_BOOTSTRAP")
        return mechanism

    @property
    def pipelines(self) -> tuple[str, ...]:
        """The pipelines that run."""
        return tuple(self.enabled_pipelines.split(","))

    @property
    def api_address(self) -> str:
        """Address of the event API for the other services."""
        return f"{'https' if self.api_tls_certificate else 'http'}://{self.api_host}:{self.api_port}"

    @property
    def kafka_bootstrap(self) -> str:
        """The plain listeners of all brokers as `host:port,host:port`."""
        return ",".join(f"{host}:{self.kafka_port}" for host in (self.kafka_nodes or self.kafka_host).split(","))

    @property
    def forward_source(self) -> str:
        """The source cluster's brokers: FORWARD_BOOTSTRAP, or the demo's own."""
        return self.forward_bootstrap or f"{self.source_kafka_host}:{self.source_kafka_port}"

    @property
    def real_time(self) -> bool:
        """True if the carts pipeline's filter runs in real time: CARTS_REAL_TIME, or on all cores of one machine."""
        return self.spark_master == "local[*]" if self.carts_real_time is None else self.carts_real_time

    @property
    def hdfs_url(self) -> str:
        """The file system's root as `hdfs://host:port`."""
        return f"hdfs://{self.hdfs_host}:{self.hdfs_port}"

    @property
    def clicks_export(self) -> str:
        """The shop's export of clicks that the DAG downloads: CLICKS_URL, or our own source's."""
        return self.clicks_url or f"http://{self.source_host}:{self.source_port}/clicks.json"

    def environment(self) -> dict[str, str]:
        """All settings as the environment variables that the engines' `run` scripts read, and where both Kafkas are."""
        known = self.model_dump(exclude={"enabled_lines"}, exclude_none=True)
        values = {name.upper(): str(value) for name, value in known.items()}
        return values | {"KAFKA_BOOTSTRAP": self.kafka_bootstrap, "FORWARD_SOURCE": self.forward_source}


def explain_settings(error: ValidationError) -> str:
    """One sentence a wrong setting: its name in capitals and what is allowed."""
    return "; ".join(f"setting {str(e['loc'][0]).upper()}: {_reason(e['type'], e['msg'])}" for e in error.errors())


def _reason(kind: str, message: str) -> str:
    if kind == "missing":
        return "is not set; `make setup` writes .env with a random value"
    if kind == "extra_forbidden":
        return "is not known; .env.example lists every setting"
    return message[0].lower() + message[1:]


@lru_cache
def load() -> Settings:
    """Read the settings once a process; in a container, without the secrets that it was not given.

    Raises:
        SettingsError: naming each setting that is missing, unknown or wrong.
    """
    secrets = SECRETS_DIR if SECRETS_DIR.is_dir() else None
    try:
        return Settings(_env_file=ENV_FILE, _secrets_dir=secrets)
    except ValidationError as error:
        missing = {str(e["loc"][0]) for e in error.errors() if e["type"] == "missing"}
        if os.environ.get("SERVICES_BY") != "compose" or len(missing) < error.error_count():
            raise SettingsError(explain_settings(error)) from error
        return _without(missing, secrets)


def _without(missing: set[str], secrets: Path | None) -> Settings:
    """The settings without some secrets: to ask for one of them is an AttributeError."""
    whole = Settings(_env_file=None, _secrets_dir=secrets, **dict.fromkeys(missing, "-" * 64))  # type: ignore[arg-type]
    return Settings.model_construct(**whole.model_dump(exclude=missing))


def main() -> None:
    """Write the settings to standard output as a shell reads them."""
    try:
        known = load().environment()
    except SettingsError as error:
        sys.exit(f"error: {error}")
    sys.stdout.writelines(f"{name}={shlex.quote(value)}\n" for name, value in known.items())


if __name__ == "__main__":
    main()
