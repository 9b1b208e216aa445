"""The ASGI application of one process: the collector answers requests of events, Flask everything else.

Requests of events are answered without a thread each: thousands can wait for Kafka at a time. Flask's pages run in
API_THREADS threads of `a2wsgi`.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from http import HTTPStatus
from typing import Any, cast

from a2wsgi import WSGIMiddleware
from flask import Flask

from api import metrics
from api.collect.collector import Collector
from api.collect.publisher import Publisher
from api.http.exchange import Deadline, Exchange, Message, Receive, Scope, Send
from api.http.messages import Reply
from api.http.problems import ProblemError, failed
from api.shop.outbox import Outbox
from eventmill.config.settings import Settings

PREFIX = "/v1/events/"
PAGE_BYTES = 65_536
"""The longest body of a request that is not of events."""

COLLECTED = 20_000
"""The objects that may be made before the garbage collector looks for circles."""

ORPHAN_SECONDS = 1.0
"""Seconds between two looks of a worker for the process that restarts it."""

log = logging.getLogger(__name__)


class Front:
    """The application, to be called by the server."""

    def __init__(
        self,
        settings: Settings,
        collector: Collector,
        publisher: Publisher,
        pages: Flask,
        outbox: Outbox | None = None,
    ) -> None:
        self._deadline = Deadline(settings.api_timeout_seconds)
        self._outbox = outbox
        self._collector = collector
        self._publisher = publisher
        self._pages = cast(Any, WSGIMiddleware(cast(Any, pages), workers=settings.api_threads))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or what the server says of its start and end."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        exchange = Exchange(scope, receive, send, self._deadline)
        try:
            exchange.check(scope)
            if exchange.request.path.startswith(PREFIX):
                reply = await self._collect(exchange)
            else:
                body = await exchange.read(PAGE_BYTES)
                await self._pages(_framed(scope, exchange.request.path, body), _replay(body), send)
                return
        except ProblemError as problem:
            reply = Reply.of(problem)
        await exchange.answer(reply)

    async def _collect(self, exchange: Exchange) -> Reply:
        """Admit a request of events by its head, read its body, and wait until Kafka has its events."""
        request, collector = exchange.request, self._collector
        kind = request.path[len(PREFIX) :]
        try:
            if request.method != "POST":
                raise ProblemError(HTTPStatus.METHOD_NOT_ALLOWED, "events are sent by POST", {"Allow": "POST"})
            limit = collector.admit(kind, request.headers, request.address)
            request.body = await exchange.read(limit)
            reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
            collector.collect(kind, request, lambda made: None if reply.done() else reply.set_result(made))
            return await reply
        except ProblemError as problem:
            return collector.refuse(kind, request, problem)
        except Exception:
            log.exception("%s %s", request.method, request.path)
            return collector.refuse(kind, request, failed())

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start before the first request and stop after the last, as the server says."""
        await receive()
        await self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def start(self) -> None:
        """Begin to serve, before the first request."""
        loop = asyncio.get_running_loop()
        self._publisher.start()
        if self._outbox:
            self._outbox.start()
        self._tasks = [loop.create_task(metrics.keep()), loop.create_task(_end_with(os.getppid()))]
        # All that is there by now stays; what a request makes is freed without the garbage collector.
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECTED)

    async def stop(self) -> None:
        """End, after the last request."""
        for task in self._tasks:
            task.cancel()
        if self._outbox:
            await asyncio.to_thread(self._outbox.stop)
        await self._publisher.stop()


async def _end_with(parent: int) -> None:
    """End this worker when the process that started it is gone: nobody would end it, and it holds the port."""
    while os.getppid() == parent:
        await asyncio.sleep(ORPHAN_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _framed(scope: Scope, path: str, body: bytes) -> Scope:
    """The request with a body whose length is known: WSGI knows no other."""
    headers = [
        (name, value) for name, value in scope["headers"] if name not in {b"content-length", b"transfer-encoding"}
    ]
    return {**scope, "path": path, "headers": [*headers, (b"content-length", b"%d" % len(body))]}


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
