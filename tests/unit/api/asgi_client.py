"""An ASGI application called without a server, as a server would call it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from flask import Flask

from api.auth import Keys
from api.collect.collector import Collector
from api.collect.publisher import Publisher
from api.http.dispatcher import Front
from api.http.exchange import Message, Scope
from eventmill.config.settings import Settings
from tests.unit.api.support import Kafka


@dataclass
class Answer:
    """What was sent; `closes` says that the connection ends, `read` how many parts of the body were taken in."""

    status: int
    headers: dict[str, str]
    body: bytes
    read: int

    @property
    def closes(self) -> bool:
        """Whether the connection ends with it."""
        return self.headers.get("connection") == "close"


def front(settings: Settings, pages: Flask, keys: Keys | None = None) -> Front:
    """The application of a process that is not started, on a Kafka that acknowledges all."""
    collector = Collector(settings, Kafka().publish, keys or Keys(settings))
    return Front(settings, collector, cast(Publisher, None), pages)


def ask(
    app: Front,
    method: str,
    path: str,
    *parts: bytes | None,
    host: str = "shop.example.org",
    query: bytes = b"",
    **headers: str,
) -> Answer:
    """The answer to a request whose body comes in parts; after None nothing comes, and the client stays."""
    return asyncio.run(_ask(app, _scope(method, path, host, query, headers), parts))


def _scope(method: str, path: str, host: str, query: bytes, headers: dict[str, str]) -> Scope:
    named = {"host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
    raw = path.encode("latin-1")
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": raw,
        "query_string": query,
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in named.items()],
        "client": ("127.0.0.1", 4711),
        "server": ("127.0.0.1", 8000),
    }


async def _ask(app: Front, scope: Scope, parts: Sequence[bytes | None]) -> Answer:
    left, sent = list(parts), []

    async def receive() -> Message:
        if not left:
            return {"type": "http.disconnect"}
        part = left.pop(0)
        if part is None:
            await asyncio.get_running_loop().create_future()
        return {"type": "http.request", "body": part, "more_body": bool(left)}

    async def send(message: Message) -> None:
        sent.append(message)

    await asyncio.wait_for(app(scope, receive, send), 10)
    start, *bodies = sent
    headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], headers, b"".join(message["body"] for message in bodies), len(parts) - len(left))
