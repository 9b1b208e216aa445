"""A client's connection: uvicorn's, with bounds of a request's head and with refusals told as problem details.

uvicorn bounds neither the size of a head nor the time in which it comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from functools import lru_cache
from http import HTTPStatus
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.http.exchange import LOOK_SECONDS
from api.http.problems import ProblemError
from eventmill.config.settings import load


class Connection(HttpToolsProtocol):
    """One connection; the settings say how large a head may be and how long it may take."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._bounds = bounds(self.loop)
        self._head_bytes = 0
        self._head_since: float | None = None
        self._refusal: ProblemError | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(transport)
        self.transport = cast(asyncio.Transport, Corked(transport, self.loop))
        self._head_since = self.loop.time()
        self._bounds.watch(self.connections)

    def data_received(self, data: bytes) -> None:
        """Take what comes; of the next request too, which waits for the answer to the one before."""
        self._unset_keepalive_if_required()
        self._head_bytes += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self.refuse(self._refusal or MALFORMED)
        else:
            if self._head_since is not None and self._head_bytes > self._bounds.bytes:
                self.refuse(self._too_large())

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self.parser.get_method() == b"CONNECT":
                raise httptools.HttpParserError from None
            # As RFC 9110 7.8 has it, an offer may be ignored; the parser would take the request for one without a body.
            head = self._without_offer()
            self.parser = httptools.HttpRequestParser(self)
            self._feed(head + data[upgrade.args[0] :])

    def on_message_begin(self) -> None:
        """Begin a request."""
        if self._head_since is None:
            self._head_since = self.loop.time()
        # More of it may have come with the end of the one before.
        self._head_bytes += 1
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head; fields behind chunks are none of it, and nothing here asks for them."""
        if self._head_since is not None:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start to serve a request whose head is within bounds."""
        if self.parser.should_upgrade():
            return
        if self._head_bytes > self._bounds.bytes and self._size() > self._bounds.bytes:
            self._refusal = self._too_large()
            raise self._refusal
        self._head_since = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a request; what came with its end is counted with the next one."""
        if self.parser.should_upgrade():
            return
        self._head_bytes = 0
        super().on_message_complete()

    def refuse(self, problem: ProblemError) -> None:
        """Answer what cannot be read as a request, and end; an answer to one before it comes first."""
        cycle = self.cycle
        if self.transport.is_closing():
            return
        if cycle and not cycle.response_complete and not cycle.more_body:
            cycle.keep_alive = False
            self.flow.pause_reading()
            return
        has_begun = cycle and cycle.response_started and not cycle.response_complete
        # Where a request before it has no answer yet, this one would be taken for it.
        if not has_begun and not self.pipeline:
            self.transport.write(_told(problem, self.server_state.default_headers))
        self.transport.close()

    def refuse_if_late(self, now: float) -> None:
        """End when a head has not come in time; who has sent nothing at all is told nothing."""
        if self._head_since is None or now - self._head_since < self._bounds.seconds:
            return
        if self._head_bytes:
            self.refuse(ProblemError(HTTPStatus.REQUEST_TIMEOUT, f"the head did not come in {self._bounds.seconds} s"))
        else:
            self.transport.close()

    def _without_offer(self) -> bytes:
        """The head without what offers another protocol."""
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        for name, value in self.headers:
            if name == b"connection":
                value = b", ".join(token for token in value.split(b",") if token.strip().lower() not in OFFERS)
            if name not in OFFERS:
                lines.append(name + b": " + value)
        return b"\r\n".join([*lines, b"", b""])

    def _size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _too_large(self) -> ProblemError:
        limit = f"the head of a request may have {self._bounds.bytes} bytes"
        is_path = not self.headers or len(self.url) > self._bounds.bytes
        status = HTTPStatus.REQUEST_URI_TOO_LONG if is_path else HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        return ProblemError(status, limit)


class HeadBounds:
    """The bounds of a request's head, in bytes and seconds, and the timer that ends those that are late."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        settings = load()
        self.bytes = settings.api_header_bytes
        self.seconds = settings.api_timeout_seconds
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, connections: Collection[Any]) -> None:
        """Look for late heads as long as there are connections."""
        if self._timer is None:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look, connections)

    def _look(self, connections: Collection[Connection]) -> None:
        self._timer = None
        now = self._loop.time()
        for connection in list(connections):
            connection.refuse_if_late(now)
        if connections:
            self.watch(connections)


@lru_cache(maxsize=1)
def bounds(loop: asyncio.AbstractEventLoop) -> HeadBounds:
    """The bounds of the process with that loop."""
    return HeadBounds(loop)


class Corked:
    """A transport that sends at once what is written in one turn of the loop: uvicorn writes head and body apart."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self.is_closing = transport.is_closing
        self.get_extra_info = transport.get_extra_info

    def write(self, data: bytes) -> None:
        """Send before this turn of the loop ends."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        """Send what is left, and close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._parts:
            data = b"".join(self._parts)
            self._parts.clear()
            if not self._transport.is_closing():
                self._transport.write(data)


OFFERS = (b"upgrade", b"http2-settings")
MALFORMED = ProblemError(HTTPStatus.BAD_REQUEST, "this is no HTTP")


def _told(problem: ProblemError, server: list[tuple[bytes, bytes]]) -> bytes:
    """The answer that tells a problem, as HTTP has it."""
    body = problem.body()
    own = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
    own += [(b"content-length", b"%d" % len(body)), (b"connection", b"close")]
    return b"".join(
        [STATUS_LINE[problem.status], *(b"%b: %b\r\n" % header for header in [*server, *own]), b"\r\n", body]
    )
