"""The services as they are started, under real clients: raw sockets, curl, Java's HttpClient and Apache Bench."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import requests

from eventmill.config.polling import until
from eventmill.config.settings import ROOT
from ops.stack import java
from tests.support import settings
from tests.unit.api.service import Served, heard, kafka, served
from tests.unit.api.support import view

SECONDS = 1
EVENTS = b"POST /v1/events/ProductView HTTP/1.1\r\nHost: shop.example.org\r\n"
BODY = json.dumps(view()).encode()
CLOSE = b"Connection: close\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (9, BODY[:9], len(BODY) - 9, BODY[9:])
SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(scope="module")
def kafka_port() -> Iterator[int]:
    """A broker."""
    with kafka() as port:
        yield port


@pytest.fixture(scope="module")
def api(kafka_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The event API."""
    state = tmp_path_factory.mktemp("api")
    with served("api", state, kafka_port, api_timeout_seconds=SECONDS, api_header_bytes=65_536) as service:
        yield service


@pytest.fixture(scope="module")
def game(kafka_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The game service."""
    with served("game", tmp_path_factory.mktemp("game"), kafka_port, api_workers=1) as service:
        yield service


def statuses(said: bytes) -> list[int]:
    """The statuses of all answers."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", said)]


@pytest.mark.parametrize("framing", [LENGTH + b"\r\n" + BODY, CHUNKED + b"\r\n" + CHUNKS], ids=["length", "chunked"])
def test_an_event_is_taken(api: Served, framing: bytes) -> None:
    assert statuses(api.talk(EVENTS + CLOSE + framing)) == [202]


@pytest.mark.parametrize(
    "request_",
    [
        EVENTS + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        EVENTS + b"Content-Length: 2, 2\r\n\r\n{}",
        EVENTS + b"Content-Length: +2\r\n\r\n{}",
        EVENTS + b"Content-Length: x\r\n\r\n{}",
        EVENTS + b"Transfer-Encoding: xchunked\r\n\r\n{}",
        EVENTS + CHUNKED + b"\r\nzz\r\n{}\r\n0\r\n\r\n",
        EVENTS + CHUNKED + b"\r\n2\n{}\n0\n\n",
        EVENTS + b"X-Note: folded\r\n by a blank\r\nContent-Length: 2\r\n\r\n{}",
        EVENTS + b"X-Note: bare\rX-Return: 1\r\nContent-Length: 2\r\n\r\n{}",
        EVENTS + b"X-Note : blank before the colon\r\nContent-Length: 2\r\n\r\n{}",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_what_is_no_http_is_told_and_ends_the_connection(api: Served, request_: bytes) -> None:
    assert statuses(api.talk(request_ + SMUGGLED)) == [400]


@pytest.mark.parametrize("headers", [CHUNKED + LENGTH, LENGTH + CHUNKED, CHUNKED + b"Content-Length: 5\r\n"])
def test_a_length_beside_chunks_smuggles_no_request(api: Served, headers: bytes) -> None:
    # As RFC 9112 6.3 allows: it is refused, and nothing more is read from the connection.
    assert statuses(api.talk(EVENTS + headers + b"\r\n" + CHUNKS + SMUGGLED)) == [400]


def test_fields_behind_chunks_are_no_headers(api: Served) -> None:
    behind = CHUNKS.removesuffix(b"\r\n") + b"Content-Encoding: br\r\n\r\n"
    assert statuses(api.talk(EVENTS + CLOSE + CHUNKED + b"\r\n" + behind)) == [202]


def test_a_body_with_a_request_inside_is_one_request(api: Served) -> None:
    inside = b"Content-Length: %d\r\n\r\n%b" % (len(SMUGGLED), SMUGGLED)
    assert statuses(api.talk(EVENTS + CLOSE + inside)) == [400]


def test_bare_line_feeds_end_no_lines(api: Served) -> None:
    # RFC 9112 2.2 allows either; a proxy may see one line there.
    assert statuses(api.talk(b"GET /healthz HTTP/1.1\nHost: a\nConnection: close\n\n")) == [400]


def test_an_answer_comes_before_that_to_nonsense_behind_its_request(api: Served) -> None:
    whole = EVENTS + LENGTH + b"\r\n" + BODY
    assert statuses(api.talk(whole + b"nonsense\r\n\r\n")) == [202]
    assert statuses(api.talk(whole + EVENTS + CHUNKED + b"\r\nzz\r\n")) in ([], [202])
    assert statuses(api.talk(whole + whole + SMUGGLED.replace(b"Host", CLOSE + b"Host"))) == [202, 202, 200]


def test_a_body_that_ends_too_early_is_told_or_nobody_is_there(api: Served) -> None:
    with socket.create_connection(("127.0.0.1", api.port)) as client:
        client.sendall(EVENTS + LENGTH + b"\r\n" + BODY[:20])
        client.shutdown(socket.SHUT_WR)
        assert statuses(heard(client)) in ([], [400])


@pytest.mark.parametrize("path", [b"/healthz", b"/v1/orders", b"/v1/events/ProductView", b"/"])
@pytest.mark.parametrize("host", [b"Host: [\r\n", b"Host: a?b\r\n", b"", b"Host: a\r\nHost: b\r\n"])
def test_a_host_that_is_none_is_told_in_all_routes_alike(api: Served, path: bytes, host: bytes) -> None:
    assert statuses(api.talk(b"POST " + path + b" HTTP/1.1\r\n" + host + CLOSE + LENGTH + b"\r\n" + BODY)) == [400]


def test_http_1_0_needs_no_host(api: Served) -> None:
    assert b"alive" in api.talk(b"GET /healthz HTTP/1.0\r\n\r\n")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Long: " + b"x" * 1_000_000, 431),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"X-Many: 1\r\n" * 10_000, 431),
        (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n", 414),
    ],
    ids=["1 MB", "many", "path"],
)
def test_a_head_that_is_too_large_is_told(api: Served, head: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", api.port)) as client:
        with suppress(ConnectionError):
            client.sendall(head + b"\r\n\r\n")
        said = heard(client)
    assert statuses(said) == [status]
    assert json.loads(said.partition(b"\r\n\r\n")[2])["status"] == status


def test_a_head_within_the_bound_is_taken(api: Served) -> None:
    assert statuses(
        api.talk(b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + CLOSE + b"X: " + b"x" * 60_000 + b"\r\n\r\n")
    ) == [200]


@pytest.mark.parametrize("head", [b"", b"POST", EVENTS, EVENTS + b"X-Half: a", SMUGGLED + b"GET"])
def test_a_head_that_does_not_come_ends_the_connection_in_time(api: Served, head: bytes) -> None:
    begun = time.monotonic()
    assert statuses(api.talk(head)) == [200] * head.startswith(SMUGGLED) + [408] * bool(head)
    assert time.monotonic() - begun < SECONDS + 2


def test_a_body_that_does_not_come_is_told_in_time(api: Served) -> None:
    for path in (EVENTS, b"POST /v1/orders HTTP/1.1\r\nHost: a\r\n"):
        begun = time.monotonic()
        assert statuses(api.talk(path + LENGTH + b"\r\n" + BODY[:10])) == [408]
        assert time.monotonic() - begun < SECONDS + 2


def test_a_body_that_is_too_large_is_told_while_it_still_comes(api: Served) -> None:
    large = b"x" * (api.settings.api_batch_bytes + 1)
    for body in (b"Content-Length: %d\r\n\r\n" % len(large) + large, CHUNKED + b"\r\n%x\r\n" % len(large) + large):
        with socket.create_connection(("127.0.0.1", api.port)) as client:
            client.sendall(EVENTS + body)
            assert statuses(heard(client)) == [413]


def curl(*arguments: str) -> tuple[int, str]:
    """The status and the body of curl's answer."""
    command = ["curl", "--silent", "--max-time", "10", "--write-out", "\n%{http_code}", *arguments]
    body, _, status = subprocess.run(command, capture_output=True, text=True).stdout.rpartition("\n")
    return int(status), body


def test_curl_may_send_in_chunks_and_ask_before_it_sends(api: Served, tmp_path: Path) -> None:
    url, batch = f"{api.address}/v1/events/ProductView", tmp_path / "batch"
    batch.write_bytes(b"\n".join([BODY] * 2000))
    for options in (["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"], []):
        status, body = curl(*options, "--data-binary", f"@{batch}", url)
        assert (status, json.loads(body)["accepted"]) == (202, 2000)
    status, _ = curl("-H", "Transfer-Encoding: chunked", "-d", '{"userid":"346"}', f"{api.address}/v1/orders")
    assert status == 422
    patch = ["-X", "PATCH", "-H", "Transfer-Encoding: chunked", "-d", '{"status":7}', f"{api.address}/v1/orders/1"]
    assert curl(*patch)[0] == 422


def test_a_beacon_is_taken(api: Served) -> None:
    for content_type in ("text/plain;charset=UTF-8", "application/json; charset=utf8"):
        options = ["-H", f"Content-Type: {content_type}", "-d", BODY.decode()]
        assert curl(*options, f"{api.address}/v1/events/ProductView")[0] == 202


SEND = """
import java.net.URI; import java.net.http.*;
public class Send { public static void main(String[] to) throws Exception {
  var client = HttpClient.newHttpClient();
  for (int number = 0; number < 3; number++) {
    var asked = HttpRequest.newBuilder(URI.create(to[0])).POST(HttpRequest.BodyPublishers.ofString(to[1])).build();
    System.out.println(client.send(asked, HttpResponse.BodyHandlers.ofString()).statusCode());
  } } }
"""


def test_javas_client_may_offer_http_2(api: Served, tmp_path: Path) -> None:
    source = tmp_path / "Send.java"
    source.write_text(SEND)
    program = java.find_java(settings()) / "bin" / "java"
    command = [str(program), "-Xint", str(source), f"{api.address}/v1/events/ProductView", BODY.decode()]
    assert subprocess.run(command, capture_output=True, text=True).stdout.split() == ["202"] * 3


def test_apache_bench_plays_the_game(game: Served) -> None:
    command = ["ab", "-k", "-n", "200", "-c", "8", f"{game.address}/purchase_a_sword/katana"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert re.search(r"Complete requests: +200\b", done.stdout)
    assert "Non-2xx" not in done.stdout
    assert re.search(r"Failed requests: +0\b", done.stdout)


def test_the_head_of_a_page_buys_nothing(game: Served) -> None:
    assert curl("--head", f"{game.address}/purchase_a_sword/moonlight_great_sword")[0] == 405
    assert requests.get(f"{game.address}/purchase_a_sword/estoc", timeout=10).text == "Sword Purchased!\n"
    told = [json.loads(record).get("type") for record in game.records("events", 1)]
    assert "moonlight_great_sword" not in told


def test_a_dead_worker_is_started_again(api: Served) -> None:
    server = psutil.Process(api.process.pid)
    before = _workers(server)
    before[0].kill()
    until(lambda: len(set(_workers(server)) - set(before)) == 1, 20, "no new worker")
    assert len(_workers(server)) == api.settings.api_workers
    assert requests.post(f"{api.address}/v1/events/ProductView", BODY, timeout=10).status_code == 202


def _workers(server: psutil.Process) -> list[psutil.Process]:
    """The processes that have connections, such as to Kafka."""
    found = []
    for child in server.children():
        with suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE and child.net_connections():
                found.append(child)
    return found


def _has(service: Served, status: str) -> bool:
    """Whether the service's port has a connection in that state."""
    workers = psutil.Process(service.process.pid).children()
    held = [connection for worker in workers for connection in worker.net_connections()]
    return any(connection.laddr.port == service.port and connection.status == status for connection in held)


def test_what_is_at_work_is_answered_at_the_end(kafka_port: int, tmp_path: Path) -> None:
    with served("api", tmp_path, kafka_port, api_workers=1) as service:
        with socket.create_connection(("127.0.0.1", service.port)) as client:
            client.sendall(EVENTS + CLOSE + LENGTH + b"\r\n" + BODY[:10])
            # The server listens no more, and the rest of the request still comes.
            until(lambda: _has(service, psutil.CONN_ESTABLISHED), 10, "the request is not read")
            service.process.terminate()
            until(lambda: not _has(service, psutil.CONN_LISTEN), 10, "it still listens")
            client.sendall(BODY[10:])
            assert statuses(heard(client)) == [202]
        assert service.process.wait(15) == 0


def test_a_stranger_is_not_believed_and_workers_end_with_their_server(kafka_port: int, tmp_path: Path) -> None:
    with served("api", tmp_path, kafka_port, api_requests_per_second=2) as service:
        headers = [{"X-Forwarded-For": f"192.0.2.{number}"} for number in range(20)]
        url = f"{service.address}/v1/events/ProductView"
        assert 429 in [requests.post(url, BODY, headers=header, timeout=10).status_code for header in headers]
        workers = _workers(psutil.Process(service.process.pid))
        os.kill(service.process.pid, signal.SIGKILL)
        assert psutil.wait_procs(workers, 10)[1] == []


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key."""
    files = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(files[0]), "-keyout", str(files[1])]
    subprocess.run(command, check=True, capture_output=True)
    return files


def test_tls_proxies_and_rates(kafka_port: int, tmp_path: Path) -> None:
    own, key = certificate(tmp_path)
    with served(
        "api",
        tmp_path,
        kafka_port,
        api_workers=1,
        api_tls_certificate=own,
        api_tls_key=key,
        api_requests_per_second=1,
        api_trusted_proxies="127.0.0.0/8",
    ) as service:
        url = f"{service.settings.api_address}/v1/events/ProductView"

        def sent(*forwarded: str) -> int:
            headers = {"X-Forwarded-For": ", ".join(forwarded)}
            return requests.post(url, BODY, headers=headers, verify=str(own), timeout=10).status_code

        assert url.startswith("https://")
        assert [sent(f"192.0.2.{number}") for number in range(20)] == [202] * 20
        # Only the address that the trusted proxy itself has seen counts.
        assert 429 in [sent(f"198.51.100.{number}", "192.0.2.99") for number in range(20)]


def test_a_certificate_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    run = ROOT / "engines" / "api" / "run"
    environment = os.environ | {"API_PORT": "1", "STATE_DIR": str(tmp_path), "API_TLS_CERTIFICATE": "/nowhere.pem"}
    done = subprocess.run([run, "api"], env=environment, capture_output=True, text=True)
    assert (done.returncode, "error: setting API_TLS_CERTIFICATE" in done.stderr) == (2, True)
