"""The container files keep to the rules, and the rules find what breaks them."""

import re
from copy import deepcopy
from typing import Any

import pytest
import yaml

from eventmill.config.settings import ROOT, Settings
from ops.stack.engines import SERVICES
from tests.support import SECRETS
from tests.unit.compose_rules import in_compose, in_dockerfile

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "engines" / "Dockerfile").read_text()
PLACES = {"STATE_DIR", "LIB_DIR", "JAVA_HOME", "SERVICES_BY", "SPARK_DRIVER_HOST", "COMPOSE_PROFILES"}
"""Settings that images and services have of their own."""


def test_the_files_keep_to_the_rules() -> None:
    assert list(in_compose(COMPOSE)) == []
    assert list(in_dockerfile(DOCKERFILE)) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"image": "kafka:latest"}, "kafka: its image has no tag, or latest"),
        ({"image": "kafka"}, "kafka: its image has no tag, or latest"),
        ({"ports": ["9094:9094"]}, "kafka: port 9094:9094 is not on loopback"),
        ({"mem_limit": None}, "kafka: no memory limit"),
        ({"healthcheck": {"disable": True}}, "kafka: no health check"),
        ({"user": "0:0"}, "kafka: user is not as in the anchor"),
        ({"read_only": False}, "kafka: read_only is not as in the anchor"),
        ({"privileged": True}, "kafka: privileged is not allowed"),
        ({"logging": None}, "kafka: its log grows without end"),
        ({"develop": {}}, "kafka: develop is not for Docker 20.10"),
    ],
)
def test_a_service_that_breaks_a_rule_is_found(change: dict[str, Any], problem: str) -> None:
    broken = deepcopy(COMPOSE)
    service = broken["services"]["kafka"] | change
    broken["services"]["kafka"] = {key: value for key, value in service.items() if value is not None}
    assert list(in_compose(broken)) == [problem]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("# syntax=docker/dockerfile:1", "# syntax line: it pulls an image is not for Docker 20.10"),
        ("RUN <<EOF", "heredoc is not for Docker 20.10"),
        ("COPY --link a b", "COPY --link is not for Docker 20.10"),
        ("FROM python:3.11", "the base python:3.11 is not a slim Debian"),
        ("FROM debian:latest", "the base debian:latest is not a slim Debian"),
    ],
)
def test_a_dockerfile_that_breaks_a_rule_is_found(line: str, problem: str) -> None:
    assert list(in_dockerfile(f"{line}\n{DOCKERFILE}")) == [problem]


def test_the_containers_get_every_setting_that_is_not_secret() -> None:
    expected = {name.upper() for name in Settings.model_fields if name not in SECRETS} - PLACES - {"ENABLED_LINES"}
    assert set(COMPOSE["x-settings"]) == expected


def test_secrets_come_as_files_alone() -> None:
    assert set(COMPOSE["secrets"]) == set(SECRETS)
    for service in COMPOSE["services"].values():
        assert not set(service["environment"]) & {name.upper() for name in SECRETS}


def test_every_service_of_the_stack_runs_in_a_container_of_its_name() -> None:
    commands = {name: service["command"] for name, service in COMPOSE["services"].items()}
    assert {service.name: commands[service.name] for service in SERVICES} == {
        service.name: ["run", service.engine, service.name] for service in SERVICES
    }


def test_a_service_is_in_the_profiles_of_the_pipelines_that_need_it() -> None:
    # YARN has a profile of its own.
    others = {"resourcemanager": ("yarn",), "nodemanager": ("yarn",)}
    for service in SERVICES:
        profiles = COMPOSE["services"][service.name].get("profiles", [])
        assert tuple(profiles) == others.get(service.name, service.pipelines)


def test_the_containers_wait_for_what_their_services_need() -> None:
    for service in SERVICES:
        assert set(service.needs) <= set(COMPOSE["services"][service.name].get("depends_on", ()))


def test_the_metastores_password_is_known_to_it_and_to_postgresql_alone() -> None:
    having = [name for name, s in COMPOSE["services"].items() if "hive_metastore_password" in s.get("secrets", ())]
    assert sorted(having) == ["metastore", "postgres"]


def test_tables_are_made_once_hive_serves() -> None:
    assert COMPOSE["services"]["prepare"]["depends_on"]["hiveserver2"] == {"condition": "service_healthy"}


def test_every_volume_is_put_on_a_folder_of_the_images() -> None:
    mounted = {volume.partition(":")[2] for s in COMPOSE["services"].values() for volume in s.get("volumes", ())}
    made = re.search(r"for name in (.+); do", DOCKERFILE)
    assert made
    assert mounted <= {f"/data/{name}" for name in made[1].split()}
