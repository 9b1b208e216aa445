"""What the server calls, by granian's RSGI: the collector for events, and Flask for everything else.

Requests of events are read and answered without a thread each: thousands can wait for Kafka at a time, and a client
that sends slowly holds up nobody. Every request must be read within a time.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from io import BytesIO
from typing import Protocol
from urllib.parse import quote

from flask import Flask
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response

from api import bodies, metrics
from api.collector import Collector, Reply
from api.outbox import Outbox
from api.patience import Patience
from api.problems import ProblemError
from api.publisher import Publisher

PREFIX = "/v1/events/"
PAGE_BYTES = 65_536
"""The longest body of a request that is not of events."""

COLLECTED = 20_000
"""The objects that may be made before the garbage collector looks for circles."""


class Scope(Protocol):
    """What the server says of a request; header names are in lower case."""

    proto: str
    method: str
    path: str
    query_string: str
    client: str
    headers: Mapping[str, str]


class Connection(Protocol):
    """The request's body and the way to answer it."""

    async def __call__(self) -> bytes:
        """The whole body."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body in parts."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer the request."""


class Front:
    """The RSGI application of one process."""

    def __init__(
        self,
        collector: Collector,
        publisher: Publisher,
        pages: Flask,
        seconds: float,
        threads: int,
        outbox: Outbox | None = None,
    ) -> None:
        """Serve the pages with so many threads; a request must have come in within so many seconds."""
        self._outbox = outbox
        self._collector = collector
        self._publisher = publisher
        self._pages = pages
        self._seconds = seconds
        self._patience = Patience(seconds)
        self._threads = ThreadPoolExecutor(threads, "page")

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to serve, before the first request."""
        loop.run_until_complete(self._publisher.start())
        if self._outbox:
            self._outbox.start()
        self._keeping = loop.create_task(metrics.keep())
        # All that is there by now stays; what a request makes is freed without the garbage collector.
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECTED)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """End, after the last request."""
        self._keeping.cancel()
        if self._outbox:
            loop.run_until_complete(asyncio.to_thread(self._outbox.stop))
        loop.run_until_complete(self._publisher.stop())

    async def __rsgi__(self, scope: Scope, connection: Connection) -> None:
        """Serve one request."""
        try:
            reply = await self._reply(scope, connection)
        except ProblemError as problem:
            reply = Reply(problem.status, problem.headers, problem.body())
        body = b"" if scope.method == "HEAD" else reply.body
        connection.response_bytes(int(reply.status), list(reply.headers.items()), body)

    async def _reply(self, scope: Scope, connection: Connection) -> Reply:
        async def read(limit: int) -> bytes:
            return await self._body(scope.headers, connection, limit)

        if not scope.path.startswith(PREFIX):
            return await self._page(scope, await read(PAGE_BYTES))
        if scope.method != "POST":
            raise ProblemError(HTTPStatus.METHOD_NOT_ALLOWED, "events are sent by POST", {"Allow": "POST"})
        address = scope.client.rpartition(":")[0]
        return await self._collector.collect(scope.path.removeprefix(PREFIX), scope.headers, address, read)

    async def _body(self, headers: Mapping[str, str], connection: Connection, limit: int) -> bytes:
        length = headers.get("content-length")
        if length is not None and int(length) > limit:
            raise bodies.too_large(limit)
        try:
            return await self._patience.wait(_parts(connection, limit) if length is None else connection())
        except TimeoutError:
            raise ProblemError(
                HTTPStatus.REQUEST_TIMEOUT, f"the body did not come within {self._seconds:g} s", {"Connection": "close"}
            ) from None

    async def _page(self, scope: Scope, body: bytes) -> Reply:
        """Flask's answer, from a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask_flask, scope, body)

    def _ask_flask(self, scope: Scope, body: bytes) -> Reply:
        request = EnvironBuilder(
            # The server has decoded it.
            quote(scope.path),
            base_url=f"http://{scope.headers.get('host', 'localhost')}/",
            method=scope.method,
            query_string=scope.query_string,
            headers=list(scope.headers.items()),
            input_stream=BytesIO(body),
            environ_base={"REMOTE_ADDR": scope.client.rpartition(":")[0]},
        )
        answer = Response.from_app(self._pages, request.get_environ(), buffered=True)
        return Reply(HTTPStatus(answer.status_code), dict(answer.headers.items()), answer.get_data())


async def _parts(connection: Connection, limit: int) -> bytes:
    """A body whose length is not known before."""
    parts, length = [], 0
    async for part in connection:
        length += len(part)
        if length > limit:
            raise bodies.too_large(limit)
        parts.append(part)
    return b"".join(parts)
