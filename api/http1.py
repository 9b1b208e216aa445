"""HTTP/1.1 for the clients of one process: httptools parses, and a request takes neither a task nor a thread.

An event is checked in a few microseconds; what a server for any application does around it takes several times that.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import perf_counter
from typing import cast
from urllib.parse import unquote

import httptools

from api.messages import Application, Reply, Request
from api.problems import ProblemError, failed, too_large

TICK_SECONDS = 0.25
"""How often connections are looked at, and the most by which a limit of time is overstepped."""

LINGER_SECONDS = 2.0
"""How long a client whose request was refused may go on sending, so that it reads why."""

IDLE_SECONDS = 75.0
"""How long a connection is kept without a request."""

DISCARDED_BYTES = 65_536
"""The longest body of a request that is refused by its headers; with a longer one the connection ends."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
NO_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
log = logging.getLogger(__name__)


class Server:
    """The connections of one process.

    A request must have come in within `seconds`; its line and headers together may have `head_bytes`.
    """

    def __init__(self, application: Application, seconds: float, head_bytes: int) -> None:
        self.application = application
        self.seconds = seconds
        self.head_bytes = head_bytes
        self.connections: set[Connection] = set()
        self.ending = False
        self._loop = asyncio.get_running_loop()
        self._tick()

    def connection(self) -> Connection:
        """A new client's."""
        return Connection(self)

    async def end(self, seconds: float) -> None:
        """Answer what has come in, for at most so many seconds, and close the connections."""
        self.ending = True
        for connection in list(self.connections):
            connection.end()
        deadline = self._loop.time() + seconds
        while self.connections and self._loop.time() < deadline:
            await asyncio.sleep(TICK_SECONDS / 10)
        self._ticking.cancel()
        for connection in list(self.connections):
            connection.abort()

    def _tick(self) -> None:
        self.now = self._loop.time()
        self.date = f"Date: {formatdate(usegmt=True)}\r\nContent-Length: "
        for connection in list(self.connections):
            connection.look()
        self._ticking = self._loop.call_later(min(TICK_SECONDS, self.seconds / 10), self._tick)


class Connection(asyncio.Protocol):
    """One client's, whose requests are answered one after the other."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._application = server.application
        self._head_bytes = server.head_bytes
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._address = ""
        # The request that comes in: what there is of it, and how much of its head and body that is.
        self._coming = False
        self._target = b""
        self._headers: dict[str, str] = {}
        self._request: Request | None = None
        self._parts: list[bytes] = []
        self._head = self._unfinished = self._length = self._limit = 0
        # Those that are complete, the one that is served, and what is said instead of reading any more.
        self._waiting: deque[Request] = deque()
        self._serving: Request | None = None
        self._advancing = False
        self._refusal: Reply | None = None
        self._deaf = self._ending = self._paused = False
        self._writable = True
        self._since = server.now

    # What the transport says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        self._transport = cast(asyncio.Transport, transport)
        self._address = str(transport.get_extra_info("peername")[0])
        self._server.connections.add(self)
        if self._server.ending:
            self.end()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """It has gone; what it has asked is done, but not answered."""
        self._server.connections.discard(self)
        self._waiting.clear()
        self._deaf = True

    def data_received(self, data: bytes) -> None:
        """More of a request, or of several."""
        if self._deaf:
            return
        in_head = self._coming and self._request is None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Nothing else is spoken here: the request was answered as it is, and what follows it is not understood.
            self._deaf = True
        except httptools.HttpParserError as error:
            self._refuse(ProblemError(HTTPStatus.BAD_REQUEST, f"this is no HTTP/1.1: {error}"))
        if in_head and self._coming and self._request is None:
            self._unfinished += len(data)
            if self._unfinished > self._head_bytes:
                self._refuse_head()
        if self._waiting and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The client sends no more; it may wait for answers."""
        self._deaf = self._ending = True
        return self._serving is not None or bool(self._waiting)

    def pause_writing(self) -> None:
        """The client does not read its answers."""
        self._writable = False
        self._since = self._server.now

    def resume_writing(self) -> None:
        """It reads again."""
        self._writable = True
        self._advance()

    # What the parser says.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._coming = True
        self._since = self._server.now
        self._target, self._headers, self._parts = b"", {}, []
        self._head = self._unfinished = self._length = 0

    def on_url(self, url: bytes) -> None:
        """A part of the request's target."""
        self._target += url
        self._head += len(url)
        if self._head > self._head_bytes:
            self._refuse_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._head += len(name) + len(value) + len(": \r\n")
        if self._head > self._head_bytes:
            self._refuse_head()
        key, text = _name(name), value.decode("latin-1")
        headers = self._headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        """All headers are there: say how long the body may be."""
        if self._deaf:
            return
        headers = self._headers
        request = Request(self._parser.get_method().decode("ascii"), "", "", headers, self._address, perf_counter())
        self._request = request
        try:
            request.path, request.query = _target(self._target)
            self._limit = self._application.admit(request)
        except ProblemError as problem:
            request.refused, self._limit = problem, DISCARDED_BYTES
        expected = headers.get("expect", "").lower() == "100-continue"
        if int(headers.get("content-length", 0)) > self._limit or (expected and request.refused):
            self._refuse(request.refused or too_large(self._limit))
        elif expected and self._serving is None:
            self._transport.write(CONTINUE)

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        request = self._request
        if self._deaf or request is None:
            return
        self._length += len(body)
        if self._length > self._limit:
            self._refuse(request.refused or too_large(self._limit))
        elif request.refused is None:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """A request is there."""
        request = self._request
        self._coming, self._request = False, None
        if self._deaf or request is None:
            return
        request.body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts = []
        headers = request.headers
        request.last = not self._parser.should_keep_alive() or "upgrade" in headers
        request.keep = "connection" in headers
        if self._serving is None and self._writable and not self._waiting:
            self._serve(request)
        else:
            self._waiting.append(request)
            self._advance()

    # What the server says.

    def end(self) -> None:
        """Answer what has come in, then close."""
        self._ending = True
        if not self._coming and self._serving is None and not self._waiting:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def look(self) -> None:
        """End what takes the client too long."""
        if self._serving is not None and self._writable:
            return
        silent = self._server.now - self._since
        if self._deaf:
            allowed = LINGER_SECONDS
        elif self._coming or not self._writable:
            allowed = self._server.seconds
        else:
            allowed = IDLE_SECONDS
        if silent < allowed:
            return
        if self._coming and self._writable and not self._deaf:
            self._refuse(
                ProblemError(HTTPStatus.REQUEST_TIMEOUT, f"the request did not come within {self._server.seconds:g} s")
            )
        else:
            self._transport.abort()

    # Requests and answers.

    def _refuse_head(self) -> None:
        if not self._deaf:
            self._refuse(
                ProblemError(
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                    f"the request line and the headers may have {self._head_bytes} bytes",
                )
            )

    def _refuse(self, problem: ProblemError) -> None:
        """Answer with a problem after those that wait, and read nothing more."""
        self._deaf = self._ending = True
        self._since = self._server.now
        self._parts = []
        request = self._request
        self._refusal = Reply.of(problem) if request is None else self._application.refuse(request, problem)
        self._advance()

    def _advance(self) -> None:
        """Serve those that wait, one at a time; in a loop, for an answer may come at once."""
        if self._advancing:
            return
        self._advancing = True
        while self._waiting and self._serving is None and self._writable:
            self._serve(self._waiting.popleft())
        self._advancing = False
        if self._waiting or self._serving is not None or self._transport.is_closing():
            return
        if self._refusal is not None:
            self._write(self._refusal, "Connection: close\r\n", self._request)
            self._refusal = None
            self._since = self._server.now
        elif self._ending and not self._coming:
            self._transport.close()
        elif self._paused and self._writable:
            self._paused = False
            self._transport.resume_reading()

    def _serve(self, request: Request) -> None:
        self._serving = request
        try:
            if request.refused:
                raise request.refused
            self._application(request, self._respond)
        except ProblemError as problem:
            self._respond(self._application.refuse(request, problem))
        except Exception:
            log.exception("%s %s", request.method, request.path)
            self._respond(self._application.refuse(request, failed()))

    def _respond(self, reply: Reply) -> None:
        """Answer the request that is served."""
        request, self._serving = self._serving, None
        if request is None or self._transport.is_closing():
            return
        self._since = self._server.now
        if request.last or (self._ending and not self._waiting and self._refusal is None and not self._coming):
            self._write(reply, "Connection: close\r\n", request)
            self._waiting.clear()
            self._transport.close()
            return
        self._write(reply, "Connection: keep-alive\r\n" if request.keep else "", request)
        if self._waiting or self._ending or self._paused:
            self._advance()

    def _write(self, reply: Reply, connection: str, request: Request | None) -> None:
        head = [STATUS_LINES[reply.status]]
        head += [f"{name}: {value}\r\n" for name, value in reply.headers.items()]
        if reply.status in NO_BODY:
            self._transport.write("".join([*head, connection, "\r\n"]).encode("latin-1"))
            return
        head += [connection, self._server.date, str(len(reply.body)), "\r\n\r\n"]
        body = b"" if request is not None and request.method == "HEAD" else reply.body
        self._transport.write("".join(head).encode("latin-1") + body)


@lru_cache(maxsize=256)
def _name(name: bytes) -> str:
    """A header's, in lower case."""
    return name.decode("latin-1").lower()


@lru_cache(maxsize=256)
def _target(target: bytes) -> tuple[str, str]:
    """The path without escapes, and the query.

    Raises:
        ProblemError: 400 when it's no path.
    """
    try:
        url = httptools.parse_url(target)
        return unquote((url.path or b"/").decode("utf-8", "replace")), (url.query or b"").decode("utf-8", "replace")
    except httptools.HttpParserInvalidURLError:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the request's target is no path") from None
