"""The front of the service: what is the collector's, and what is Flask's."""

from __future__ import annotations

import asyncio
import json
from typing import cast

from flask import Flask, request

from api.collector import Collector
from api.front import Front
from api.messages import Reply, Request
from api.problems import ProblemError
from api.publisher import Publisher
from tests.support import settings
from tests.unit.api.support import Kafka, view

BODY = json.dumps(view()).encode()


class Idle:
    """A publisher that has nothing to do."""

    def start(self) -> None:
        """Begin."""

    async def stop(self) -> None:
        """End."""


def ask(path: str, method: str = "GET", body: bytes = b"", query: str = "") -> Reply:
    """The answer to a request."""
    return asyncio.run(_ask(Request(method, path, query, {"host": "player.example.org"}, "127.0.0.1", 0.0, body=body)))


async def _ask(asked: Request) -> Reply:
    values = settings(api_threads=2)
    pages = Flask("test")
    pages.add_url_rule("/host", "host", lambda: request.headers["Host"])
    pages.add_url_rule("/name/<name>", "name", lambda name: f"{name} {request.query_string.decode()}")
    pages.add_url_rule("/broken", "broken", lambda: cast(str, None))
    front = Front(values, Collector(values, Kafka().publish), cast(Publisher, Idle()), pages)
    reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    await front.start()
    try:
        asked.headers["content-type"] = "application/json"
        front.admit(asked)
        front(asked, reply.set_result)
        return await asyncio.wait_for(reply, 10)
    except ProblemError as problem:
        return front.refuse(asked, problem)
    finally:
        await front.stop()


def test_events_are_the_collectors() -> None:
    assert ask("/v1/events/ProductView", "POST", BODY).status == 202
    assert ask("/v1/events/PageView", "POST", BODY).status == 404


def test_only_post_sends_events() -> None:
    reply = ask("/v1/events/ProductView")
    assert (reply.status, reply.headers["Allow"]) == (405, "POST")


def test_everything_else_is_flasks() -> None:
    reply = ask("/host")
    assert (reply.status, reply.body) == (200, b"player.example.org")


def test_a_path_may_hold_any_character() -> None:
    assert ask("/name/house?of%41", query="a=b").body == b"house?of%41 a=b"


def test_a_page_that_cannot_be_made_is_told() -> None:
    assert ask("/broken").status == 500
