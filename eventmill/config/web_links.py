"""The web pages of the stack: where each is, for a browser and for who asks whether it answers."""

from __future__ import annotations

from typing import NamedTuple

from eventmill.config.settings import Settings


class Link(NamedTuple):
    """A page of a service; `host` is where the other services find it, `health` what they ask instead of the page."""

    name: str
    about: str
    host: str
    port: int
    path: str = ""
    health: str = ""
    scheme: str = "http"

    def address(self, settings: Settings) -> str:
        """Its address in a browser: Compose publishes ports on loopback."""
        host = "127.0.0.1" if settings.services_by == "compose" else self.host
        return f"{self.scheme}://{host}:{self.port}/{self.path}"

    def asked(self) -> str:
        """Address by which the other services check that it answers."""
        return f"{self.scheme}://{self.host}:{self.port}/{self.health or self.path}"


def links(settings: Settings) -> tuple[Link, ...]:
    """The pages of the services that run, the API's own page of all of them first."""
    login = f"log in as {settings.airflow_user} with AIRFLOW_PASSWORD from .env"
    scheme = "https" if settings.api_tls_certificate else "http"
    about = "events, and all pages with their health"
    always = (
        Link("API", about, settings.api_host, settings.api_port, health=HEALTH, scheme=scheme),
        Link("Dashboard", "the pipelines, live", settings.dashboard_host, settings.dashboard_port),
        Link("Airflow", f"the DAGs; {login}", settings.airflow_host, settings.airflow_port),
        Link("Presto", "the queries", settings.presto_host, settings.presto_port, "ui/"),
        Link(
            "HDFS", "the pipelines' folders and files", settings.hdfs_host, settings.hdfs_http_port, health=HDFS_FOLDER
        ),
    )
    of_pipelines = {
        "clicks": Link("NiFi", "the flow of the clicks", settings.nifi_host, settings.nifi_port, "nifi/"),
        "game": Link("Game", "swords, shields and guilds", settings.game_host, settings.game_port, health=HEALTH),
    }
    chosen = tuple(link for pipeline, link in of_pipelines.items() if pipeline in settings.pipelines)
    yarn = Link("YARN", "applications and nodes", settings.yarn_host, settings.yarn_ui_port, "cluster")
    cluster = (yarn,) if settings.spark_master == "yarn" else ()
    containers = _in_containers(settings) if settings.services_by == "compose" else ()
    return (*always, *chosen, *cluster, *containers)


HEALTH = "healthz"
"""The game's page is an event, each time that it's asked for."""

HDFS_FOLDER = "webhdfs/v1/eventmill?op=LISTSTATUS"
"""The page itself is there without the NameNode's leave; this asks for a folder."""


def _in_containers(settings: Settings) -> tuple[Link, ...]:
    login = f"log in as {settings.postgres_user} with POSTGRES_PASSWORD, or with MySQL's"
    return (Link("Adminer", f"the tables of PostgreSQL and MySQL; {login}", "adminer", settings.adminer_port),)
