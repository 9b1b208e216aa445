"""The checks before a start: each refusal is one sentence that names the setting to change."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ops.stack import preflight
from ops.stack.engines import SERVICES
from ops.stack.supervisor import StackError
from tests.support import settings


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A loopback port on which something listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_taken_port_is_named_with_its_setting_and_who_holds_it(taken_port: int) -> None:
    message = rf"port {taken_port} \(KAFKA_PORT, kafka\) is taken by \S+, process {os.getpid()}; set KAFKA_PORT in .env"
    with pytest.raises(StackError, match=message):
        preflight._check_ports(settings(kafka_port=taken_port), SERVICES)


def test_a_port_that_another_stack_of_ours_holds_names_that_stack() -> None:
    serve = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    environment = os.environ | {"SUPERVISOR_PROCESS_NAME": "kafka", "STATE_DIR": "/srv/eventmill"}
    command = [sys.executable, "-c", serve]
    with subprocess.Popen(command, env=environment, stdin=-1, stdout=-1, text=True) as server:
        assert server.stdin
        assert server.stdout
        port = int(server.stdout.readline())
        with pytest.raises(StackError, match=r"which is kafka of the stack in /srv/eventmill \(make down there"):
            preflight._check_ports(settings(kafka_port=port), SERVICES)
        server.stdin.close()


def test_two_services_cannot_share_a_port() -> None:
    with pytest.raises(StackError, match="KAFKA_SASL_PORT and KAFKA_PORT are both 29092"):
        preflight._check_ports(settings(kafka_port=29092, kafka_sasl_port=29092), SERVICES)


def test_too_little_memory_says_how_much_is_needed() -> None:
    with pytest.raises(StackError, match=r"the stack needs about 1000000000 MB and \d+ MB are free"):
        preflight._check_memory(10**9)
