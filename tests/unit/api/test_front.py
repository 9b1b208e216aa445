"""The ASGI front: bodies in parts, clients that are slow or gone, and what goes to Flask."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any, cast

from flask import Flask

from api.collector import Collector
from api.front import Front
from api.publisher import Publisher
from tests.support import settings
from tests.unit.api.support import Kafka, view

Message = MutableMapping[str, Any]
BODY = json.dumps(view()).encode()


class Client:
    """One request: sends these parts of a body, then nothing more."""

    def __init__(self, *parts: bytes, end: bool = True) -> None:
        self._messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        if end:
            self._messages.append({"type": "http.request", "body": b"", "more_body": False})
        self.kafka = Kafka()
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        """The next part, as the server hands it over."""
        if not self._messages:
            await asyncio.Event().wait()
        return self._messages.pop(0)

    async def send(self, message: Message) -> None:
        """Take a part of the answer."""
        self.sent.append(message)

    def ask(self, path: str = "/v1/events/ProductView", method: str = "POST", **headers: str) -> int:
        """The answer's status."""
        named = {"content-type": "application/json", "host": "test"} | headers
        raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in named.items()]
        scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": raw}
        asyncio.run(self._ask(scope | {"http_version": "1.1", "client": ("127.0.0.1", 1)}))
        return int(self.sent[0]["status"])

    async def _ask(self, scope: Message) -> None:
        values = settings(api_batch_bytes=5000, api_event_bytes=5000)
        pages = Flask("test")
        pages.add_url_rule("/healthz", view_func=lambda: "alive\n")
        front = Front(Collector(values, self.kafka.publish), cast(Publisher, None), pages, 0.2, 2)
        await front(scope, self.receive, self.send)

    @property
    def answer(self) -> bytes:
        """The answer's body."""
        return b"".join(message.get("body", b"") for message in self.sent[1:])


def test_a_body_in_parts_is_one_body() -> None:
    client = Client(BODY[:10], BODY[10:20], BODY[20:])
    assert client.ask() == 202
    assert len(client.kafka.records) == 1


def test_a_client_that_never_ends_is_told_so() -> None:
    client = Client(BODY[:10], end=False)
    assert client.ask() == 408
    assert b"within 0.2 s" in client.answer


def test_a_body_that_is_announced_too_large_is_not_read() -> None:
    assert Client(end=False).ask(content_length="5001") == 413


def test_a_body_that_grows_too_large_is_not_read_on() -> None:
    assert Client(b" " * 3000, b" " * 3000, end=False).ask() == 413


def test_only_post_sends_events() -> None:
    client = Client()
    assert client.ask(method="GET") == 405
    assert (b"allow", b"POST") in client.sent[0]["headers"]


def test_everything_else_is_flasks() -> None:
    client = Client()
    assert client.ask("/healthz", "GET") == 200
    assert client.answer == b"alive\n"
