"""The front of the service: bodies in parts, clients that are slow, and what goes to Flask."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from flask import Flask, request

from api.collector import Collector
from api.front import Front
from api.publisher import Publisher
from tests.support import settings
from tests.unit.api.support import Kafka, view

BODY = json.dumps(view()).encode()


@dataclass
class Request:
    """What the server says of a request."""

    path: str = "/v1/events/ProductView"
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    query_string: str = ""
    client: str = "127.0.0.1:1234"
    proto: str = "http"


class Client:
    """One request: sends these parts of a body, then nothing more."""

    def __init__(self, *parts: bytes, end: bool = True) -> None:
        self._parts = parts
        self._end = end
        self.kafka = Kafka()
        self.headers: dict[str, str] = {}
        self.answer = b""
        self.status = 0

    async def __call__(self) -> bytes:
        """The whole body."""
        return b"".join([part async for part in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The body in parts."""
        for part in self._parts:
            yield part
        if not self._end:
            await asyncio.Event().wait()

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Take the answer."""
        self.status, self.headers, self.answer = status, dict(headers), body

    def ask(self, path: str = "/v1/events/ProductView", method: str = "POST", **headers: str) -> int:
        """The answer's status."""
        named = {"content-type": "application/json", "host": "player.example.org"} | headers
        named = {name.replace("_", "-"): value for name, value in named.items()}
        asyncio.run(self._ask(Request(path, method, named, "a=b")))
        return self.status

    async def _ask(self, scope: Request) -> None:
        values = settings(api_batch_bytes=5000, api_event_bytes=5000)
        pages = Flask("test")
        pages.add_url_rule("/host", "host", lambda: request.headers["Host"])
        pages.add_url_rule("/name/<name>", "name", lambda name: f"{name} {request.query_string.decode()}")
        front = Front(Collector(values, self.kafka.publish), cast(Publisher, None), pages, 0.2, 2)
        await front.__rsgi__(scope, self)


def test_a_body_in_parts_is_one_body() -> None:
    client = Client(BODY[:10], BODY[10:20], BODY[20:])
    assert client.ask() == 202
    assert len(client.kafka.records) == 1


def test_a_client_that_never_ends_is_told_so() -> None:
    for headers in ({}, {"content_length": "200"}):
        client = Client(BODY[:10], end=False)
        assert client.ask(**headers) == 408
        assert b"within 0.2 s" in client.answer


def test_a_body_that_is_announced_too_large_is_not_read() -> None:
    assert Client(end=False).ask(content_length="5001") == 413


def test_a_body_that_grows_too_large_is_not_read_on() -> None:
    assert Client(b" " * 3000, b" " * 3000, end=False).ask() == 413


def test_only_post_sends_events() -> None:
    client = Client()
    assert client.ask(method="GET") == 405
    assert client.headers["Allow"] == "POST"


def test_everything_else_is_flasks() -> None:
    client = Client()
    assert client.ask("/host", "GET") == 200
    assert client.answer == b"player.example.org"


def test_a_path_may_hold_any_character() -> None:
    client = Client()
    assert client.ask("/name/house?of%41", "GET") == 200
    assert client.answer == b"house?of%41 a=b"


def test_the_answer_to_head_has_no_body() -> None:
    client = Client()
    assert client.ask("/host", "HEAD") == 200
    assert client.answer == b""
