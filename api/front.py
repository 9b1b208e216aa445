"""What the server calls, by ASGI: the collector for events, and Flask for everything else.

Requests of events are read and answered without a thread each: thousands can wait for Kafka at a time, and a client
that sends slowly holds up nobody. Every request must be read within a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, cast

from a2wsgi import WSGIMiddleware
from flask import Flask

from api import bodies
from api.collector import Collector, Reply
from api.problems import ProblemError
from api.publisher import Publisher

PREFIX = "/v1/events/"
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Front:
    """The ASGI application of one process."""

    def __init__(self, collector: Collector, publisher: Publisher, pages: Flask, seconds: float, threads: int) -> None:
        """Serve the pages with so many threads; a request must have come in within so many seconds."""
        self._collector = collector
        self._publisher = publisher
        self._pages: Any = WSGIMiddleware(cast(Any, pages), workers=threads)
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the life of the process."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await _send(send, await self._collect(scope, receive), scope["method"])
        elif scope["type"] == "http":
            await self._pages(scope, _Deadline(receive, self._seconds), send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._publisher.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._publisher.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _collect(self, scope: Scope, receive: Receive) -> Reply:
        if scope["method"] != "POST":
            problem = ProblemError(HTTPStatus.METHOD_NOT_ALLOWED, "events are sent by POST", {"Allow": "POST"})
            return Reply(problem.status, problem.headers, problem.body())
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        address = (scope.get("client") or ("", 0))[0]

        async def read(limit: int) -> bytes:
            return await self._body(headers, receive, limit)

        return await self._collector.collect(scope["path"].removeprefix(PREFIX), headers, address, read)

    async def _body(self, headers: Mapping[str, str], receive: Receive, limit: int) -> bytes:
        if headers.get("content-length", "0").isdecimal() and int(headers.get("content-length", "0")) > limit:
            raise bodies.too_large(limit)
        try:
            async with asyncio.timeout(self._seconds):
                return await _read(receive, limit)
        except TimeoutError:
            raise ProblemError(
                HTTPStatus.REQUEST_TIMEOUT, f"the body did not come within {self._seconds:g} s", {"Connection": "close"}
            ) from None


async def _read(receive: Receive, limit: int) -> bytes:
    parts, length, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ProblemError(HTTPStatus.BAD_REQUEST, "the connection was closed before the body had come")
        part = message.get("body", b"")
        length += len(part)
        if length > limit:
            raise bodies.too_large(limit)
        parts.append(part)
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


class _Deadline:
    """Receives messages until a moment; after it, the client counts as gone."""

    def __init__(self, receive: Receive, seconds: float) -> None:
        self._receive = receive
        self._until = asyncio.get_running_loop().time() + seconds

    async def __call__(self) -> MutableMapping[str, Any]:
        try:
            async with asyncio.timeout_at(self._until):
                return await self._receive()
        except TimeoutError:
            return {"type": "http.disconnect"}


async def _send(send: Send, reply: Reply, method: str) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in reply.headers.items()]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": int(reply.status), "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else reply.body})
