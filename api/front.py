"""What answers the requests of one process: the collector those of events, Flask everything else.

Requests of events are answered without a thread each: thousands can wait for Kafka at a time.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from concurrent.futures import Future, ThreadPoolExecutor
from http import HTTPStatus
from io import BytesIO
from urllib.parse import quote

from flask import Flask
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response

from api import metrics
from api.collector import Collector
from api.messages import Reply, Request, Respond
from api.outbox import Outbox
from api.problems import ProblemError, failed
from api.publisher import Publisher
from eventmill.settings import Settings

PREFIX = "/v1/events/"
PAGE_BYTES = 65_536
"""The longest body of a request that is not of events."""

COLLECTED = 20_000
"""The objects that may be made before the garbage collector looks for circles."""

log = logging.getLogger(__name__)


class Front:
    """The application of one process (`worker.Service`)."""

    def __init__(
        self,
        settings: Settings,
        collector: Collector,
        publisher: Publisher,
        pages: Flask,
        outbox: Outbox | None = None,
    ) -> None:
        self.seconds = settings.api_timeout_seconds
        self.head_bytes = settings.api_header_bytes
        self._outbox = outbox
        self._collector = collector
        self._publisher = publisher
        self._pages = pages
        self._threads = ThreadPoolExecutor(settings.api_threads, "page")

    async def start(self) -> None:
        """Begin to serve, before the first request."""
        self._loop = asyncio.get_running_loop()
        self._publisher.start()
        if self._outbox:
            self._outbox.start()
        self._keeping = self._loop.create_task(metrics.keep())
        # All that is there by now stays; what a request makes is freed without the garbage collector.
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECTED)

    async def stop(self) -> None:
        """End, after the last request."""
        self._keeping.cancel()
        if self._outbox:
            await asyncio.to_thread(self._outbox.stop)
        await self._publisher.stop()

    def admit(self, request: Request) -> int:
        """How many bytes the body may have.

        Raises:
            ProblemError: when the request isn't served, whatever its body is.
        """
        if not request.path.startswith(PREFIX):
            return PAGE_BYTES
        if request.method != "POST":
            raise ProblemError(HTTPStatus.METHOD_NOT_ALLOWED, "events are sent by POST", {"Allow": "POST"})
        return self._collector.admit(request.path.removeprefix(PREFIX), request.headers, request.address)

    def refuse(self, request: Request, problem: ProblemError) -> Reply:
        """The answer to a request that is not served."""
        if not request.path.startswith(PREFIX):
            return Reply.of(problem)
        return self._collector.refuse(request.path.removeprefix(PREFIX), request, problem)

    def __call__(self, request: Request, respond: Respond) -> None:
        """Answer a request, now or later.

        Raises:
            ProblemError: in place of an answer.
        """
        if request.path.startswith(PREFIX):
            self._collector.collect(request.path.removeprefix(PREFIX), request, respond)
        else:
            page = self._threads.submit(self._ask_flask, request)
            page.add_done_callback(lambda made: self._loop.call_soon_threadsafe(_turn_over, respond, made))

    def _ask_flask(self, request: Request) -> Reply:
        asked = EnvironBuilder(
            # It came in without escapes.
            quote(request.path),
            base_url=f"http://{request.headers.get('host', 'localhost')}/",
            method=request.method,
            query_string=request.query,
            headers=list(request.headers.items()),
            input_stream=BytesIO(request.body),
            environ_base={"REMOTE_ADDR": request.address},
        )
        answer = Response.from_app(self._pages, asked.get_environ(), buffered=True)
        headers = {name: value for name, value in answer.headers.items() if name != "Content-Length"}
        return Reply(HTTPStatus(answer.status_code), headers, answer.get_data())


def _turn_over(respond: Respond, page: Future[Reply]) -> None:
    """Answer with a page that is there."""
    if error := page.exception():
        log.error("a page could not be made", exc_info=error)
        respond(Reply.of(failed()))
    else:
        respond(page.result())
