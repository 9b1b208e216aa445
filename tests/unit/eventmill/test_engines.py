"""The services: their scripts exist, their dependencies make sense, their ports are settings."""

import os
import re

import pytest

from eventmill.engines import ENGINES, SERVICES, Service, service, with_needs
from eventmill.settings import Settings

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
    with pytest.raises(KeyError, match="kafka"):
        service("kafak")


@pytest.mark.parametrize("pom", POMS, ids=lambda p: str(p.relative_to(ENGINES).parent))
def test_every_version_in_a_pom_is_pinned(pom: object) -> None:
    text = pom.read_text()  # type: ignore[attr-defined]
    versions = re.findall(r"<version>([^<]+)</version>", text)
    assert versions
    assert not [v for v in versions if re.search(r"[\[\](),]|SNAPSHOT|LATEST|RELEASE", v)]


def test_a_service_brings_what_it_needs() -> None:
    assert [s.name for s in with_needs(["hiveserver2"])] == ["namenode", "datanode", "metastore", "hiveserver2"]


def test_no_name_means_all_services() -> None:
    assert with_needs([]) == SERVICES
