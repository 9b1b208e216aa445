"""Airflow's connections and secrets from the settings."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from eventmill.airflow import connections
from tests.support import SECRETS, settings

HOME = Path("/state/airflow")


def test_connections_follow_the_settings() -> None:
    made = connections.connections(settings(hive_server_port=1234, mysql_host="db", mail_port=25), HOME)
    assert made["hive_cli_default"]["port"] == 1234
    assert made["sqoop_default"]["host"] == "jdbc:mysql://db"
    assert made["sqoop_default"]["extra"] == {"password_file": "file:///state/airflow/mysql.password"}
    assert made["smtp_default"]["port"] == 25


def test_presto_is_asked_where_it_is_set() -> None:
    made = connections.connections(settings(presto_host="presto", presto_port=4321), HOME)["presto_default"]
    assert (made["host"], made["port"], made["schema"]) == ("presto", 4321, "default")
    assert made["extra"] == {"catalog": "hive"}


@pytest.mark.parametrize(
    ("url", "host"),
    [("", "http://127.0.0.1:8089"), ("https://shop.example.org:444/a/b.json?day=1", "https://shop.example.org:444")],
)
def test_the_source_is_the_set_one_or_ours(url: str, host: str) -> None:
    assert connections.connections(settings(clicks_url=url, source_port=8089), HOME)["clicks_source"]["host"] == host


def test_no_connection_holds_a_secret() -> None:
    text = json.dumps(connections.connections(settings(), HOME))
    assert [secret for secret in SECRETS.values() if secret in text] == []


def test_a_secret_is_only_for_its_owner_and_has_no_newline(tmp_path: Path) -> None:
    path = tmp_path / "mysql.password"
    path.write_text("old")
    connections.write_secret(path, "pässword")
    assert path.read_bytes() == "pässword".encode()
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_bash_evaluates_the_exports(tmp_path: Path) -> None:
    awkward = 'http://shop/it\'s "$HOME" `x`.json'
    environment = os.environ | {name.upper(): value for name, value in SECRETS.items()} | {"CLICKS_URL": awkward}
    program = f"{shlex.quote(sys.executable)} -m eventmill.airflow.connections {shlex.quote(str(tmp_path))}"
    script = f'exports=$({program}); eval "$exports"; printf %s "$AIRFLOW_CONN_HIVE_CLI_DEFAULT"'
    done = subprocess.run(["bash", "-euc", script], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["extra"] == {"use_beeline": True}
    assert json.loads((tmp_path / "passwords.json").read_text()) == {"admin": SECRETS["airflow_password"]}
    assert (tmp_path / "mysql.password").read_text() == SECRETS["mysql_password"]
