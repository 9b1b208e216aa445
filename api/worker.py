"""The processes of a service: gunicorn starts them, starts the dead anew and ends them; each serves HTTP by `http1`.

gunicorn --worker-class api.worker.Worker --bind … --workers … 'api.serve:api()'
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Protocol

import uvloop
from gunicorn.workers.base import Worker as Base

from api.http1 import Server
from api.messages import Application

BEAT_SECONDS = 1.0
"""How often a worker tells gunicorn that it lives."""


class Service(Application, Protocol):
    """What a worker serves: a request must have come in within `seconds`, its head may have `head_bytes`."""

    seconds: float
    head_bytes: int

    async def start(self) -> None:
        """Begin to serve, before the first request."""

    async def stop(self) -> None:
        """End, after the last request."""


class Worker(Base):  # type: ignore[misc]
    """A worker of gunicorn's, which ends when its connections have been answered."""

    wsgi: Service
    """The application, which gunicorn loads; it is no WSGI."""

    def run(self) -> None:
        """Serve until gunicorn says to end, or is gone."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            loop.add_signal_handler(number, ended.set)
        await self.wsgi.start()
        server = Server(self.wsgi, self.wsgi.seconds, self.wsgi.head_bytes)
        listeners = [
            await loop.create_server(server.connection, sock=listener.sock, backlog=self.cfg.backlog)
            for listener in self.sockets
        ]
        while self.alive and not ended.is_set() and self.ppid == os.getppid():
            self.notify()
            try:
                await asyncio.wait_for(ended.wait(), BEAT_SECONDS)
            except TimeoutError:
                continue
        for listener in listeners:
            listener.close()
        await server.end(self.wsgi.seconds)
        await self.wsgi.stop()
