"""The Flask application: health, numbers, documentation and the game; the event routes are in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from flask import Blueprint, Flask, Response, redirect, request, send_from_directory
from prometheus_client import CONTENT_TYPE_LATEST
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from api import metrics
from api.http.problems import MEDIA_TYPE, ProblemError

STATIC = Path(__file__).with_name("static")
"""The pages, their scripts and styles."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Rights of our own pages in a browser."""

Check = Callable[[], str | None]
"""Says what is not ready, or None."""

Numbers = Callable[[], bytes]
"""Gives numbers in Prometheus' text format."""


def create_app(
    blueprints: Iterable[Blueprint], ready: Check, openapi: dict[str, Any], of_stack: Numbers = lambda: b""
) -> Flask:
    """The application with those blueprints; `of_stack` are numbers beside its own."""
    app = Flask("api")
    for blueprint in (health(ready, of_stack), documentation(openapi), *blueprints):
        app.register_blueprint(blueprint)
    app.register_error_handler(ProblemError, _problem)
    app.register_error_handler(HTTPException, _http_error)
    return app


def harden(reply: Response) -> Response:
    """Let the browser know what a page may do."""
    reply.headers.update(HEADERS)
    return reply


def refuse_head() -> None:
    """Do nothing for a HEAD request to a route whose GET changes something: Flask would run it.

    Raises:
        ProblemError: 405.
    """
    if request.method == "HEAD":
        raise ProblemError(HTTPStatus.METHOD_NOT_ALLOWED, "HEAD changes nothing; ask by GET", {"Allow": "GET"})


def lower(headers: Headers) -> dict[str, str]:
    """The headers of Flask's request by their names in lower case."""
    return {name.lower(): value for name, value in headers.items()}


def _problem(problem: ProblemError) -> Response:
    return Response(problem.body(), problem.status, problem.headers)


def _http_error(error: HTTPException) -> AnyResponse:
    """An error of Flask's own as problem details, with its headers."""
    reply = error.get_response()
    if (error.code or 500) < HTTPStatus.BAD_REQUEST:
        return reply
    status = HTTPStatus(error.code or 500)
    reply.data = ProblemError(status, error.description or status.phrase).body()
    reply.content_type = MEDIA_TYPE
    return reply


def health(ready: Check, of_stack: Numbers) -> Blueprint:
    """Routes for liveness, readiness and metrics."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/healthz")
    def healthz() -> Response:
        return Response("alive\n", mimetype="text/plain")

    @blueprint.get("/readyz")
    def readyz() -> Response:
        if missing := ready():
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, missing, {"Retry-After": "2"})
        return Response("ready\n", mimetype="text/plain")

    @blueprint.get("/metrics")
    def numbers() -> Response:
        return Response(metrics.prometheus_text() + of_stack(), content_type=CONTENT_TYPE_LATEST)

    return blueprint


def documentation(openapi: dict[str, Any]) -> Blueprint:
    """The OpenAPI description, and Swagger UI to read and try it; all files are served from here."""
    blueprint = Blueprint("documentation", __name__, template_folder="templates")
    described = msgspec.json.encode(openapi)
    swagger = str(files("flask_swagger_ui").joinpath("dist"))

    @blueprint.get("/openapi.json")
    def description() -> Response:
        return Response(described, mimetype="application/json")

    @blueprint.get("/docs")
    def short() -> AnyResponse:
        return redirect("/docs/")

    @blueprint.get("/docs/")
    def page() -> Response:
        return send_from_directory(STATIC, "docs.html")

    @blueprint.get("/docs/<path:name>")
    def file(name: str) -> Response:
        return send_from_directory(swagger, name)

    return blueprint
