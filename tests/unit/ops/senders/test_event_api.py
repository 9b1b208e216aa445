"""Posting events to an API: a small server stands for it and remembers what came."""

from __future__ import annotations

import json
import socket
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pytest

from ops.cli import data
from ops.senders import event_api
from ops.senders.event_api import Poster, PostingError, PostResult
from tests.support import settings

RECEIVED = "2026-01-01T00:00:00.000000Z"


class Request(NamedTuple):
    """What came to the API."""

    path: str
    headers: dict[str, str]
    lines: list[bytes]

    @property
    def key(self) -> str:
        """Its Idempotency-Key."""
        return self.headers["idempotency-key"]


class Reply(NamedTuple):
    """What the API says."""

    status: int
    body: dict[str, Any]
    retry_after: str | None = None


Script = Callable[[Request], Reply]


def faults(*indexes: int) -> list[dict[str, Any]]:
    """The errors of an answer."""
    return [{"index": index, "field": "userid", "reason": "missing"} for index in indexes]


def accepted(request: Request, *broken: int) -> Reply:
    """All events but the broken ones were accepted."""
    ids = [f"id-{number}" for number in range(len(request.lines) - len(broken))]
    return Reply(202, {"accepted": len(ids), "ids": ids, "received": RECEIVED, "errors": faults(*broken)})


def away(**members: Any) -> Reply:
    """Kafka has not all of it; the client may come again at once."""
    return Reply(503, {"title": "Service Unavailable", "status": 503, "detail": "Kafka is away"} | members, "0")


class Api:
    """An API that answers as it's told, one reply after the other, and accepts all from then on."""

    def __init__(self, *replies: Reply | Script) -> None:
        self.requests: list[Request] = []
        self._replies = list(replies)

    def reply(self, request: Request) -> Reply:
        """The next reply."""
        self.requests.append(request)
        reply: Reply | Script = self._replies.pop(0) if self._replies else accepted
        return reply if isinstance(reply, Reply) else reply(request)


def handler(api: Api) -> type[BaseHTTPRequestHandler]:
    """What serves the requests of an API."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Answer one request."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = api.reply(Request(self.path, headers, body.split(b"\n")))
            content = json.dumps(reply.body).encode()
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(content)))
            if reply.retry_after is not None:
                self.send_header("Retry-After", reply.retry_after)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


Serve = Callable[..., tuple[Api, int]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A function that starts an API with these replies and gives its port."""
    servers: list[tuple[ThreadingHTTPServer, Thread]] = []

    def start(*replies: Reply | Script) -> tuple[Api, int]:
        api = Api(*replies)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler(api))
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return api, server.server_port

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Seven events, a line each, and blank lines between."""
    path = tmp_path / "actions.json"
    path.write_bytes(b"\n\n".join(b'{"messageid":"id-%d","timestamp":"t"}' % number for number in range(7)) + b"\n")
    return path


def poster(port: int, key: str = "", patience: float = 5, **values: Any) -> Poster:
    """A poster to the API at that port."""
    return Poster(settings(api_port=port, **values), "UserAction", key, patience)


def numbers(request: Request) -> list[int]:
    """Which events of the file a request has."""
    return [int(json.loads(line)["messageid"].removeprefix("id-")) for line in request.lines]


def test_lines_are_posted_in_their_order_in_batches(serve: Serve, file: Path) -> None:
    api, port = serve()
    done: list[int] = []
    result = poster(port).post(file, 3, done.append)
    assert result == PostResult(accepted=7, rejected=0)
    assert [numbers(request) for request in api.requests] == [[0, 1, 2], [3, 4, 5], [6]]
    assert done == [3, 6, 7]
    assert {request.path for request in api.requests} == {"/v1/events/UserAction"}
    assert {request.headers["content-type"] for request in api.requests} == {"application/x-ndjson"}
    assert "x-api-key" not in api.requests[0].headers
    assert len({request.key for request in api.requests}) == 3


def test_batches_are_no_larger_than_the_api_takes(serve: Serve, file: Path) -> None:
    api, port = serve()
    poster(port, api_batch_events=2).post(file)
    assert [len(request.lines) for request in api.requests] == [2, 2, 2, 1]
    assert list(event_api.batches(iter([b"12345", b"67", b"8", b"9"]), 3, 6)) == [[b"12345"], [b"67", b"8"], [b"9"]]
    assert list(event_api.batches(iter([]), 3, 6)) == []


def test_the_key_is_sent(serve: Serve, file: Path) -> None:
    api, port = serve()
    poster(port, key="secret").post(file)
    assert api.requests[0].headers["x-api-key"] == "secret"


def test_a_file_that_is_sent_again_has_the_same_identities(serve: Serve, file: Path) -> None:
    api, port = serve()
    for _ in range(2):
        poster(port).post(file, 4)
    keys = [request.key for request in api.requests]
    assert keys[:2] == keys[2:]
    assert max(map(len, keys)) <= 200


def test_batches_of_the_same_content_have_identities_of_their_own(serve: Serve, file: Path) -> None:
    api, port = serve()
    file.write_bytes(b"{}\n{}\n")
    poster(port).post(file, 1)
    assert len({request.key for request in api.requests}) == 2


@pytest.mark.parametrize("status", [503, 429])
def test_a_batch_is_posted_again_with_its_idempotency_key(serve: Serve, file: Path, status: int) -> None:
    busy = Reply(status, {"detail": "later"}, "0")
    api, port = serve(accepted, busy, busy)
    assert poster(port).post(file, 4) == PostResult(7, 0)
    assert [numbers(request) for request in api.requests] == [[0, 1, 2, 3], [4, 5, 6], [4, 5, 6], [4, 5, 6]]
    assert len({request.key for request in api.requests[1:]}) == 1
    assert api.requests[0].key != api.requests[1].key


def test_events_without_identity_keep_the_one_that_the_api_gave_them(serve: Serve, file: Path) -> None:
    lines = [b'{"userid":"a"}', b"{", b'{"timestamp":"t","userid":"b"}', b'{"messageid":"own","timestamp":"t"}']
    file.write_bytes(b"\n".join(lines))
    partly = away(ids=["one", "own"], received=RECEIVED, pending=[{"index": 2, "messageid": "three"}], errors=faults(1))
    api, port = serve(partly, away(), lambda request: accepted(request, 1))
    assert poster(port).post(file) == PostResult(accepted=3, rejected=1)
    assert api.requests[0].lines == lines
    assert api.requests[1].lines == [
        b'{"messageid":"one","timestamp":"%b","userid":"a"}' % RECEIVED.encode(),
        b"{",
        b'{"messageid":"three","timestamp":"t","userid":"b"}',
        lines[3],
    ]
    assert api.requests[2] == api.requests[1]


def test_rejected_events_are_counted(serve: Serve, file: Path) -> None:
    api, port = serve(lambda request: accepted(request, 0, 2))
    assert poster(port).post(file, 4) == PostResult(accepted=5, rejected=2)
    assert len(api.requests) == 2


@pytest.mark.parametrize("status", [422, 400, 413])
def test_a_batch_of_which_all_is_rejected_is_no_error(serve: Serve, file: Path, status: int) -> None:
    api, port = serve(Reply(status, {"detail": "no event keeps its contract", "errors": faults(0, 1, 2)}))
    assert poster(port).post(file, 3) == PostResult(accepted=4, rejected=3)
    assert len(api.requests) == 3


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (Reply(401, {"detail": "a key is needed"}), "answered 401: a key is needed; 3 events were posted before"),
        (Reply(413, {"detail": "a request may have 2"}), "answered 413: a request may have 2"),
        (Reply(500, {"detail": 7}), "answered 500: Internal Server Error"),
    ],
)
def test_a_refusal_ends_it(serve: Serve, file: Path, reply: Reply, sentence: str) -> None:
    api, port = serve(accepted, reply)
    with pytest.raises(PostingError, match=sentence):
        poster(port).post(file, 3)
    assert len(api.requests) == 2


def test_patience_ends_when_kafka_stays_away(serve: Serve, file: Path) -> None:
    api, port = serve(*[away()] * 10_000)
    with pytest.raises(PostingError, match="answered 503: Kafka is away; 0 events were posted before"):
        poster(port, patience=1).post(file)
    assert len(api.requests) > 1
    assert len({request.key for request in api.requests}) == 1


def test_an_api_that_is_away_is_one_sentence(file: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(PostingError) as caught:
            poster(port).post(file)
    assert str(caught.value) == (
        f"the API at http://127.0.0.1:{port}/v1/events/UserAction does not answer: is the stack up? "
        "See: eventmill status; 0 events were posted before, and count once when the file is sent again"
    )


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(PostingError, match=r"cannot read /.*/nothing: No such file or directory"):
        event_api.lines_in(tmp_path / "nothing")


def test_the_command_tells_how_many_were_accepted_and_rejected(
    serve: Serve, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, port = serve(lambda request: accepted(request, 1))
    monkeypatch.setattr("eventmill.config.settings.load", lambda: settings(api_port=port))
    data.send_carts(file, key="secret")
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.startswith("Kafka has 6 events of ")
    assert shown.endswith("; the API rejected 1")


def test_a_byte_order_mark_is_no_part_of_the_first_event(file: Path) -> None:
    file.write_bytes(BOM_UTF8 + b'{"userid":"a"}\r\n{"userid":"b"}\n')
    assert list(event_api.file_lines(file)) == [b'{"userid":"a"}', b'{"userid":"b"}']
    file.write_bytes(BOM_UTF8)
    assert event_api.lines_in(file) == 0
