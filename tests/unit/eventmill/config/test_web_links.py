"""The pages of the stack: those of the pipelines that run, by addresses that a browser finds."""

from __future__ import annotations

from typing import Any

from eventmill.config.web_links import Link, links
from tests.support import settings


def pages(**values: Any) -> dict[str, Link]:
    return {link.name: link for link in links(settings(**values))}


def test_pages_of_pipelines_that_are_left_out_are_too() -> None:
    assert {"NiFi", "Game"} <= pages().keys()
    assert not {"NiFi", "Game"} & pages(enabled_pipelines="carts").keys()


def test_only_containers_have_adminer() -> None:
    assert "Adminer" not in pages()
    assert "Adminer" in pages(services_by="compose")


def test_to_ask_for_the_games_health_is_no_event() -> None:
    assert pages()["Game"].asked() == "http://127.0.0.1:8001/healthz"


def test_hdfs_has_a_page_for_people_and_its_health_is_a_folder_s() -> None:
    hdfs = pages()["HDFS"]
    assert hdfs.address(settings()) == "http://127.0.0.1:9870/"
    assert hdfs.asked() == "http://127.0.0.1:9870/webhdfs/v1/eventmill?op=LISTSTATUS"


def test_a_browser_finds_containers_on_loopback() -> None:
    own = settings(services_by="compose", nifi_host="nifi")
    nifi = pages(services_by="compose", nifi_host="nifi")["NiFi"]
    assert (nifi.address(own), nifi.asked()) == ("http://127.0.0.1:8088/nifi/", "http://nifi:8088/nifi/")
