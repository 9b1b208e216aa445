"""The services: their scripts exist, their dependencies make sense, their ports are settings."""

import json
import os
import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from eventmill.config.settings import PIPELINES, Settings
from ops.stack.engines import (
    ENGINES,
    SERVICES,
    Service,
    ServiceError,
    enabled_services,
    first_to_end,
    service,
    with_needs,
)
from tests.support import settings

QUERY = "/v1/statement"
POMS = sorted(ENGINES.rglob("pom.xml"))


@pytest.mark.parametrize("s", SERVICES, ids=lambda s: s.name)
def test_a_service_has_executable_run_and_ready_scripts(s: Service) -> None:
    assert os.access(s.run, os.X_OK)
    assert os.access(s.ready, os.X_OK)


def test_a_service_comes_after_what_it_needs() -> None:
    seen: set[str] = set()
    for s in SERVICES:
        assert seen.issuperset(s.needs), s.name
        seen.add(s.name)


def test_every_port_setting_belongs_to_one_service() -> None:
    ports = [port for s in SERVICES for port in s.ports]
    elsewhere = {"spark_ui_port", "spark_master_ui_port", "adminer_port"}  # a job's, and services of containers only
    declared = {name for name in Settings.model_fields if name.endswith("_port")}
    assert sorted(ports) == sorted(declared - elsewhere)


def test_an_unknown_service_names_the_known_ones() -> None:
    with pytest.raises(ServiceError, match="no service is called 'kafak'; there are kafka, namenode"):
        service("kafak")


def test_hive_s_console_finds_spark_by_the_python_of_the_platform(tmp_path: Path) -> None:
    beeline = tmp_path / "beeline"
    beeline.write_text('#!/bin/sh\necho "$PYSPARK_DRIVER_PYTHON" "$@"\n')
    beeline.chmod(0o700)
    python = str(tmp_path / "python")
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": python, "HIVE_SERVER_HOST": "h", "HIVE_SERVER_PORT": "1"}
    command = [str(ENGINES / "hive" / "console"), "-e", "SELECT 1"]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd="/").stdout
    assert shown == f"{python} -u jdbc:hive2://h:1/default -n eventmill -e SELECT 1\n"


@pytest.mark.parametrize(
    ("starting", "workers", "asked"),
    [(True, 0, {"/v1/info"}), (False, 0, {"/v1/info", "/v1/cluster"}), (False, 1, {"/v1/info", "/v1/cluster", QUERY})],
)
def test_presto_is_asked_a_query_only_when_it_can_answer(starting: bool, workers: int, asked: set[str]) -> None:
    seen: set[str] = set()

    class Presto(BaseHTTPRequestHandler):
        """A Presto that has so many workers, and refuses queries."""

        def do_GET(self) -> None:
            seen.add(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"starting": starting, "activeWorkers": workers}).encode())

        def do_POST(self) -> None:
            seen.add(self.path)
            self.send_error(503)

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    with HTTPServer(("127.0.0.1", 0), Presto) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        own = {"PYTHON": sys.executable, "PRESTO_HOST": "127.0.0.1", "PRESTO_PORT": str(server.server_port)}
        done = subprocess.run([service("presto").ready], env={"PATH": "/usr/bin:/bin"} | own, check=False)
        server.shutdown()
    assert done.returncode == 1
    assert seen == asked


@pytest.mark.parametrize("pom", POMS, ids=lambda p: str(p.relative_to(ENGINES).parent))
def test_every_version_in_a_pom_is_pinned(pom: object) -> None:
    text = pom.read_text()  # type: ignore[attr-defined]
    versions = re.findall(r"<version>([^<]+)</version>", text)
    assert versions
    assert not [v for v in versions if re.search(r"[\[\](),]|SNAPSHOT|LATEST|RELEASE", v)]


def test_a_service_brings_what_it_needs() -> None:
    needs = ["namenode", "datanode", "postgres", "metastore", "hiveserver2"]
    assert [s.name for s in with_needs(["hiveserver2"])] == needs


def test_every_service_ends_before_what_it_needs() -> None:
    running, turns = {s.name for s in SERVICES} | {"jobs"}, []
    while running:
        turns.append(first_to_end(running))
        running -= turns[-1]
    turn_of = {name: turn for turn, names in enumerate(turns) for name in names}
    assert turns[0] == {"jobs"}
    assert all(turn_of[s.name] < turn_of[need] for s in SERVICES for need in s.needs)
    assert turn_of["nifi"] < turn_of["kafka"]  # it waits for Kafka, and so does not name it among its needs
    assert len(turns) <= 5


def test_all_pipelines_want_all_services_but_yarn() -> None:
    left = {s.name for s in SERVICES} - {s.name for s in enabled_services(settings())}
    assert left == {"resourcemanager", "nodemanager"}


def test_yarn_runs_where_the_jobs_do() -> None:
    assert enabled_services(settings(spark_master="yarn")) == SERVICES


@pytest.mark.parametrize(
    ("pipeline", "own"),
    [
        ("clicks", {"nifi", "source"}),
        ("game", {"game"}),
        ("carts", set()),
        ("orders", {"cassandra"}),
        ("visits", {"source-kafka", "forwarder"}),
    ],
)
def test_a_pipeline_that_is_left_out_needs_no_services(pipeline: str, own: set[str]) -> None:
    others = ",".join(name for name in PIPELINES if name != pipeline)
    left = {s.name for s in enabled_services(settings())} - {
        s.name for s in enabled_services(settings(enabled_pipelines=others))
    }
    assert left == own


def test_the_demos_source_cluster_does_not_run_beside_a_real_one() -> None:
    names = [s.name for s in enabled_services(settings(forward_bootstrap="kafka.example.org:9092"))]
    assert "source-kafka" not in names
    assert "forwarder" in names


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_postgresql_runs_always_for_the_metastore_needs_it(pipeline: str) -> None:
    assert {"postgres", "metastore"} <= {s.name for s in enabled_services(settings(enabled_pipelines=pipeline))}
