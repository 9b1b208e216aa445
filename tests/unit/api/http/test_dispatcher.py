"""The ASGI application of a process: what is the collector's, what is Flask's, and what holds for all routes."""

from __future__ import annotations

import json
from typing import cast

import pytest
from flask import Flask, request

from api.auth import Keys
from api.http.dispatcher import PAGE_BYTES
from tests.support import settings
from tests.unit.api.asgi_client import Answer, ask, front
from tests.unit.api.game.test_routes import Service as Game
from tests.unit.api.shop.test_routes import WANTED
from tests.unit.api.shop.test_routes import Service as Shop
from tests.unit.api.support import view

EVENTS = "/v1/events/ProductView"
BODY = json.dumps(view()).encode()
LENGTH = str(len(BODY))


def pages() -> Flask:
    """Pages that tell what they are asked."""
    app = Flask("test")
    app.add_url_rule("/host", "host", lambda: request.headers["Host"])
    app.add_url_rule("/name/<name>", "name", lambda name: f"{name} {request.query_string.decode()}")
    app.add_url_rule("/broken", "broken", lambda: cast(str, None))
    return app


def tell(path: str, method: str = "GET", *parts: bytes | None, query: bytes = b"", **headers: str) -> Answer:
    """The answer of a process with these pages, whose requests must come within a second."""
    return ask(front(settings(api_timeout_seconds=1), pages()), method, path, *parts, query=query, **headers)


def test_events_are_the_collectors() -> None:
    assert tell(EVENTS, "POST", BODY, content_length=LENGTH).status == 202
    assert tell("/v1/events/PageView", "POST", BODY, content_length=LENGTH).status == 404


def test_only_post_sends_events() -> None:
    reply = tell(EVENTS)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


def test_everything_else_is_flasks() -> None:
    assert tell("/host").body == b"shop.example.org"


def test_a_path_may_hold_any_character() -> None:
    assert tell("/name/house%3Fof%2541", query=b"a=b").body == b"house?of%41 a=b"
    assert tell("/name/%C3%A9").body.decode() == "\u00e9 "


@pytest.mark.parametrize("path", ["/name/a%FFb", "/v1/events/%C3", "/name/%ED%A0%80", "/purchase_a_sword/%FF"])
def test_a_path_that_is_no_utf_8_is_told(path: str) -> None:
    assert tell(path).status == 400


def test_a_query_with_raw_bytes_is_told() -> None:
    assert tell("/name/a", query=b"a=\xff").status == 400


def test_a_page_that_cannot_be_made_is_told() -> None:
    assert tell("/broken").status == 500


GOOD_HOSTS = "a shop.example.org shop.example.org:80 shop.example.org. 127.0.0.1:65535 [::1]:8000 my_host a: xn--9ca.fr"
BAD_HOSTS = "[ a?b a:65536 a:99999 a/b a@b a..b .a -a a- [::1 [z] ::1 a:b a%41 a,b \u00e9 user:pass@a"


@pytest.mark.parametrize("host", [*GOOD_HOSTS.split(), f"{'a' * 63}.b"])
def test_a_host_is_taken(host: str) -> None:
    assert tell("/host", host=host).body.decode() == host


@pytest.mark.parametrize("host", ["", "a b", "a, b", "a" * 64, f"{'a.' * 127}a", *BAD_HOSTS.split()])
@pytest.mark.parametrize("path", [EVENTS, "/host"])
def test_a_malformed_host_is_told_in_all_routes_alike(path: str, host: str) -> None:
    assert tell(path, "POST", BODY, host=host, content_length=LENGTH).status == 400


def test_a_body_may_come_in_parts() -> None:
    reply = tell(EVENTS, "POST", BODY[:10], b"", BODY[10:], transfer_encoding="chunked")
    assert (reply.status, json.loads(reply.body)["accepted"]) == (202, 1)


@pytest.mark.parametrize(("method", "path", "status"), [("POST", "/v1/orders", 201), ("PATCH", "/v1/orders/1", 200)])
def test_orders_may_come_in_chunks(method: str, path: str, status: int) -> None:
    shop = Shop()
    shop.place()
    body = json.dumps(WANTED if method == "POST" else {"status": 1}).encode()
    app = front(settings(), shop.client.application)
    reply = ask(app, method, path, body[:7], body[7:], transfer_encoding="chunked", content_type="application/json")
    assert reply.status == status
    assert [order.status for order in shop.shop.placed.values()] == ([0, 0] if method == "POST" else [1])


@pytest.mark.parametrize("path", [EVENTS, "/host"])
def test_a_body_that_does_not_come_in_time_is_told(path: str) -> None:
    reply = tell(path, "POST", BODY[:10], None, content_length=LENGTH)
    assert (reply.status, reply.closes, b"within 1 s" in reply.body) == (408, True, True)


def test_a_body_that_ends_too_early_is_told() -> None:
    # The server knows that more was to come, and says that the client is gone.
    for reply in (tell(EVENTS, "POST", content_length="9"), tell(EVENTS, "POST", transfer_encoding="chunked")):
        assert reply.status == 400


def test_a_body_that_is_too_large_is_told_before_it_is_read() -> None:
    reply = tell("/host", "POST", b"x", None, content_length=str(PAGE_BYTES + 1))
    assert (reply.status, reply.closes) == (413, True)
    reply = tell("/host", "POST", b"x" * (PAGE_BYTES + 1), b"", transfer_encoding="chunked")
    assert (reply.status, reply.closes) == (413, True)


def test_a_client_that_waits_for_its_turn_is_refused_before_it_sends() -> None:
    reply = tell("/v1/events/PageView", "POST", None, content_length="9", expect="100-continue")
    assert (reply.status, reply.closes, reply.read) == (404, True, 0)


def test_a_short_body_of_a_refused_request_is_read_so_that_the_connection_lasts() -> None:
    reply = tell("/v1/events/PageView", "POST", BODY[:9], BODY[9:], content_length=LENGTH)
    assert (reply.status, reply.closes, reply.read) == (404, False, 2)


def test_a_clients_requests_to_all_routes_count_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.0)
    own = settings(api_requests_per_second=3, api_workers=1)
    keys = Keys(own)
    shop, game = Shop(keys), Game(keys)
    apps = [front(own, service.client.application, keys) for service in (shop, game)]
    statuses = [
        ask(apps[0], "POST", EVENTS, BODY, content_length=LENGTH).status,
        ask(apps[0], "GET", "/v1/products").status,
        ask(apps[1], "GET", "/purchase_a_sword/katana").status,
    ]
    assert statuses == [202, 200, 200]
    late = [ask(apps[0], "POST", EVENTS, BODY, content_length=LENGTH), ask(apps[0], "GET", "/v1/products")]
    late += [ask(apps[1], "POST", "/v1/game/purchase_a_sword/katana"), ask(apps[1], "GET", "/")]
    assert [reply.status for reply in late] == [429] * 4
