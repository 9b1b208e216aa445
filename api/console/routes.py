"""The console: a page that shows accepted and rejected events as they come, and the route that it asks for them.

Whichever process of the service is asked, the answer is the same: it comes from Kafka and the page's cursor.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import msgspec
from flask import Blueprint, Response, redirect, request, send_from_directory
from werkzeug.wrappers import Response as AnyResponse

from api.auth import Keys
from api.collect import request_body
from api.console import cursor
from api.console.cursor import Positions
from api.console.event_view import Seen
from api.console.topic_reader import Helping
from api.http.problems import ProblemError
from api.pages import STATIC, harden

Read = Callable[[Positions], Helping]
"""Reads what follows these positions."""

FILES = ("console.js", "visible.js", "console.css")


class Shown(msgspec.Struct, frozen=True):
    """The events that came to Kafka after a cursor.

    Attributes:
        cursor: to be given back for what follows.
        behind: how many records follow already.
        topics: those that are watched, each together with the topic of its rejected records.
        events: in the order of their times.
    """

    cursor: str
    behind: int
    topics: list[str]
    events: list[Seen]


def console(read: Read, topics: list[str], keys: Keys) -> Blueprint:
    """The page with its files, and what it asks for."""
    blueprint = Blueprint("console", __name__)

    @blueprint.get("/console")
    def short() -> AnyResponse:
        return redirect("/console/")

    @blueprint.get("/console/")
    def page() -> Response:
        return send_from_directory(STATIC, "console.html")

    @blueprint.get(f"/console/<any({','.join(map(repr, FILES))}):name>")
    def file(name: str) -> Response:
        return send_from_directory(STATIC, name)

    @blueprint.get("/v1/console")
    def recent() -> Response:
        keys.admit({name.lower(): value for name, value in request.headers.items()}, request.remote_addr or "")
        batch = read(_positions(request.args.getlist("cursor")))
        shown = Shown(cursor.encode_cursor(batch.positions), batch.behind, topics, batch.events)
        return Response(msgspec.json.encode(shown), mimetype=request_body.JSON, headers={"Cache-Control": "no-store"})

    blueprint.after_request(harden)
    return blueprint


def _positions(given: list[str]) -> Positions:
    if not given:
        return {}
    try:
        [text] = given
        return cursor.decode_cursor(text)
    except ValueError as error:
        why = str(error) if len(given) == 1 else f"{len(given)} cursors; there may be one"
        raise ProblemError(HTTPStatus.BAD_REQUEST, why) from error
