"""Parts of the OpenAPI description that several routes share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.collect import request_body
from api.http.problems import MEDIA_TYPE

Json = dict[str, Any]
REF = "#/components/schemas/{name}"
PROBLEM: Json = {
    "type": "object",
    "description": "Why a request is not served (RFC 9457).",
    "required": ["title", "status", "detail"],
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": {"$ref": REF.format(name="Fault")}},
    },
}
REASONS = {
    400: "The body is no JSON, holds no event or is no gzip.",
    401: "A key is needed.",
    403: "The key is not known.",
    408: "The body did not come in time.",
    413: "The body, an event or the number of events is too large.",
    415: "The compression of the body is none that is taken.",
    422: "No event keeps its contract.",
    429: "Too many requests.",
    431: "The headers are too large.",
    503: "Kafka has not acknowledged all events in time; `pending` names those to send again.",
}


def reference(name: str) -> Json:
    """A schema of the document by its name."""
    return {"$ref": REF.format(name=name)}


def answer(about: str, schema: str) -> Json:
    """An answer in JSON."""
    return {"description": about, "content": {request_body.JSON: {"schema": reference(schema)}}}


def problems(*statuses: int, about: Mapping[int, str] | None = None) -> Json:
    """Answers that are problem details; `about` says what a status means here where it's something of its own."""
    content = {MEDIA_TYPE: {"schema": reference("Problem")}}
    reasons = REASONS | dict(about or {})
    return {str(status): {"description": reasons.get(status, "Not found."), "content": content} for status in statuses}
