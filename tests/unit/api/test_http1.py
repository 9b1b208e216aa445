"""HTTP as clients speak it, well or badly, over a real socket."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus

import pytest
import uvloop

from api.http1 import Server
from api.messages import Reply, Request, Respond
from api.problems import ProblemError

LIMIT = 100_000
HEAD = 10_000
SECONDS = 0.4


@dataclass
class Echo:
    """Answers what was asked; /later when told to, /never not at all, /broken fails, /no is refused by its headers."""

    asked: list[Request] = field(default_factory=list)
    later: list[Respond] = field(default_factory=list)

    def admit(self, request: Request) -> int:
        """Let all in but /no."""
        if request.path == "/no":
            raise ProblemError(HTTPStatus.FORBIDDEN, "no")
        return LIMIT

    def refuse(self, request: Request, problem: ProblemError) -> Reply:
        """The problem."""
        return Reply.of(problem)

    def __call__(self, request: Request, respond: Respond) -> None:
        """Answer."""
        self.asked.append(request)
        if request.path == "/broken":
            raise ValueError("broken")
        if request.path == "/later":
            self.later.append(respond)
        elif request.path == "/large":
            respond(Reply(HTTPStatus.OK, {}, b"x" * 1_000_000))
        else:
            status = HTTPStatus.NO_CONTENT if request.path == "/nothing" else HTTPStatus.OK
            respond(Reply(status, {"X-Path": request.path}, request.body))


@dataclass
class Client:
    """A connection, and what serves it."""

    echo: Echo
    server: Server
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, text: str | bytes) -> None:
        """Write so much."""
        self.writer.write(text.encode() if isinstance(text, str) else text)

    async def reply(self, head_only: bool = False) -> tuple[int, str, bytes]:
        """The next answer: its status, its head, its body."""
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)).decode()
        length = re.search(r"content-length: (\d+)", head.lower())
        body = await self.reader.readexactly(int(length[1])) if length and not head_only else b""
        return int(head.split()[1]), head, body

    async def ended(self) -> bytes:
        """What comes until the server closes."""
        return await asyncio.wait_for(self.reader.read(), 10)


def served(conversation: Callable[[Client], Awaitable[None]]) -> Echo:
    """Have a client talk with a server."""

    async def run() -> Echo:
        loop, echo = asyncio.get_running_loop(), Echo()
        server = Server(echo, SECONDS, HEAD)
        listener = await loop.create_server(server.connection, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
        await conversation(Client(echo, server, reader, writer))
        writer.close()
        listener.close()
        await server.end(5)
        assert not server.connections
        return echo

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def post(path: str = "/", body: str = "", *headers: str) -> str:
    """A request."""
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: here", f"Content-Length: {len(body)}", *headers, "", body])


def test_requests_follow_each_other_on_one_connection() -> None:
    async def talk(client: Client) -> None:
        for number in range(3):
            client.send(post(f"/{number}", f"body {number}"))
            status, head, body = await client.reply()
            assert (status, body) == (200, f"body {number}".encode())
            assert f"X-Path: /{number}" in head
            assert "Date: " in head
            assert "Connection" not in head

    assert len(served(talk).asked) == 3


def test_requests_sent_at_once_are_answered_in_their_order() -> None:
    async def talk(client: Client) -> None:
        client.send(post("/later") + "".join(post("/", str(number)) for number in range(500)))
        while not client.echo.later:
            await asyncio.sleep(0.01)
        assert len(client.echo.asked) == 1
        client.echo.later[0](Reply(HTTPStatus.ACCEPTED, {}, b"first"))
        assert (await client.reply())[2] == b"first"
        for number in range(500):
            assert (await client.reply())[2] == str(number).encode()

    served(talk)


def test_a_request_may_come_byte_by_byte() -> None:
    async def talk(client: Client) -> None:
        for character in post("/slowly?a=%20b", "body", "X-Note: one", "x-note: two"):
            client.send(character)
            await client.writer.drain()
            await asyncio.sleep(0)
        assert (await client.reply())[2] == b"body"

    [request] = served(talk).asked
    assert (request.method, request.path, request.query) == ("POST", "/slowly", "a=%20b")
    assert (request.headers["x-note"], request.address) == ("one, two", "127.0.0.1")


def test_a_body_may_come_in_chunks() -> None:
    async def talk(client: Client) -> None:
        client.send("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert (await client.reply())[2] == b"abcde"

    served(talk)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_told_while_it_still_comes(chunked: bool) -> None:
    async def talk(client: Client) -> None:
        length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {LIMIT + 1}"
        client.send(f"POST / HTTP/1.1\r\n{length}\r\n\r\n")
        if chunked:
            client.send(f"{LIMIT + 1:x}\r\n" + "x" * (LIMIT + 1))
        status, head, body = await client.reply()
        assert (status, f"may have {LIMIT} bytes" in body.decode()) == (413, True)
        assert "Connection: close" in head
        client.send("x" * 1_000_000)
        assert await client.ended() == b""

    assert not served(talk).asked


def test_a_request_refused_by_its_headers_ends_no_connection() -> None:
    async def talk(client: Client) -> None:
        client.send(post("/no", "x" * 1000) + post("/", "next"))
        assert (await client.reply())[0] == 403
        assert (await client.reply())[2] == b"next"
        client.send(f"POST /no HTTP/1.1\r\nContent-Length: {LIMIT}\r\n\r\n")
        assert (await client.reply())[0] == 403
        assert await client.ended() == b""

    served(talk)


def test_a_client_may_ask_before_it_sends_the_body() -> None:
    async def talk(client: Client) -> None:
        client.send("POST / HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        assert (await client.reply())[0] == 100
        client.send("body")
        assert (await client.reply())[2] == b"body"
        client.send(f"POST / HTTP/1.1\r\nContent-Length: {LIMIT + 1}\r\nExpect: 100-continue\r\n\r\n")
        assert (await client.reply())[0] == 413

    served(talk)


@pytest.mark.parametrize(
    "part", ["POST", "POST / HTTP/1.1\r\nHost", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nbody"]
)
def test_a_request_that_never_ends_is_told_so(part: str) -> None:
    async def talk(client: Client) -> None:
        client.send(part)
        status, _, body = await client.reply()
        assert (status, b"within 0.4 s" in body) == (408, True)
        assert await client.ended() == b""

    served(talk)


@pytest.mark.parametrize(
    "head",
    [
        f"GET /{'x' * HEAD} HTTP/1.1\r\n\r\n",
        f"GET / HTTP/1.1\r\nX-Long: {'x' * HEAD}\r\n\r\n",
        "GET / HTTP/1.1\r\n" + "X-Many: 1\r\n" * HEAD + "\r\n",
    ],
)
def test_a_head_that_is_too_large_is_told(head: str) -> None:
    async def talk(client: Client) -> None:
        client.send(head)
        assert (await client.reply())[0] == 431
        assert await client.ended() == b""

    assert not served(talk).asked


def test_a_head_without_end_is_not_kept() -> None:
    async def talk(client: Client) -> None:
        client.send("GET / HTTP/1.1\r\nX-Long: ")
        for _ in range(HEAD // 1000 + 3):
            await client.writer.drain()
            client.send("x" * 1000)
            await asyncio.sleep(0.001)
        assert (await client.reply())[0] == 431

    served(talk)


@pytest.mark.parametrize(
    "text",
    [
        "nonsense\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nBad Name: 1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "CONNECT here:80 HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_http_is_told(text: str) -> None:
    async def talk(client: Client) -> None:
        client.send(post("/", "before") + text)
        assert (await client.reply())[2] == b"before"
        assert (await client.reply())[0] == 400
        assert await client.ended() == b""

    served(talk)


def test_other_protocols_are_not_taken_up() -> None:
    async def talk(client: Client) -> None:
        client.send("GET /page HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nframes")
        status, head, _ = await client.reply()
        assert (status, "Connection: close" in head) == (200, True)
        assert await client.ended() == b""

    served(talk)


def test_http_1_0_is_spoken() -> None:
    async def talk(client: Client) -> None:
        client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert "Connection: keep-alive" in (await client.reply())[1]
        client.send("GET / HTTP/1.0\r\n\r\n")
        assert "Connection: close" in (await client.reply())[1]
        assert await client.ended() == b""

    served(talk)


def test_answers_without_a_body_have_none() -> None:
    async def talk(client: Client) -> None:
        client.send("HEAD /large HTTP/1.1\r\n\r\n")
        assert "Content-Length: 1000000" in (await client.reply(head_only=True))[1]
        client.send(post("/nothing", "x"))
        status, head, _ = await client.reply()
        assert (status, "Content-Length" in head) == (204, False)
        client.send(post("/", "next"))
        assert (await client.reply())[2] == b"next"

    served(talk)


def test_a_failure_is_told_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def talk(client: Client) -> None:
        client.send(post("/broken") + post("/", "next"))
        assert (await client.reply())[0] == 500
        assert (await client.reply())[2] == b"next"

    served(talk)
    assert "POST /broken" in caplog.text


def test_a_client_that_sends_no_more_gets_its_answer() -> None:
    async def talk(client: Client) -> None:
        client.send(post("/later"))
        client.writer.write_eof()
        while not client.echo.later:
            await asyncio.sleep(0.01)
        await asyncio.sleep(2 * SECONDS)
        client.echo.later[0](Reply(HTTPStatus.OK, {}, b"late"))
        assert (await client.ended()).endswith(b"late")

    served(talk)


def test_a_client_that_reads_no_answers_is_left() -> None:
    async def talk(client: Client) -> None:
        client.send("GET /large HTTP/1.1\r\n\r\n" * 100)
        while client.server.connections:
            await asyncio.sleep(0.01)
        assert len(client.echo.asked) < 100

    served(talk)


def test_a_client_that_goes_away_breaks_nothing() -> None:
    async def talk(client: Client) -> None:
        client.send(post("/later"))
        while not client.echo.later:
            await asyncio.sleep(0.01)
        client.writer.transport.abort()
        await asyncio.sleep(0.1)
        client.echo.later[0](Reply(HTTPStatus.OK, {}, b"nobody"))
        while client.server.connections:
            await asyncio.sleep(0.01)

    served(talk)


def test_what_has_come_in_is_answered_at_the_end() -> None:
    async def talk(client: Client) -> None:
        client.send(post("/later"))
        while not client.echo.later:
            await asyncio.sleep(0.01)
        ending = asyncio.create_task(client.server.end(5))
        await asyncio.sleep(0.05)
        client.echo.later[0](Reply(HTTPStatus.OK, {}, b"served"))
        status, head, body = await client.reply()
        assert (status, body, "Connection: close" in head) == (200, b"served", True)
        await ending
        assert await client.ended() == b""

    served(talk)
