"""The make target says what keeps it from starting, before anything starts."""

import os
import socket
import subprocess

from eventmill.config.settings import ROOT
from tests.compose.containers import Containers


def refusal(**environment: str) -> str:
    """What `make demo-compose` says when it refuses, with these variables."""
    done = subprocess.run(
        ["make", "demo-compose"], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    return done.stderr.splitlines()[0]


def test_a_missing_engine_is_said_first() -> None:
    sentence = refusal(DOCKER_HOST="unix:///nowhere/docker.sock")
    assert sentence == "demo-compose: Docker's engine does not answer; run: make setup-docker"


def test_a_missing_file_is_named() -> None:
    assert refusal(DATA="/nowhere/clicks.json") == "demo-compose: there is no file /nowhere/clicks.json"


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        project = Containers("eventmill-refused", 35000, NIFI_PORT=str(port)).environment
        assert refusal(**project, COMPOSE_PROJECT_NAME="eventmill-refused").startswith(
            f"demo-compose: port {port} is taken"
        )
