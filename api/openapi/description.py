"""The OpenAPI description of the routes, from the event contracts."""

from __future__ import annotations

import msgspec

from api.collect import request_body
from api.collect.collector import Accepted, Fault
from api.console import cursor
from api.console.routes import Shown
from api.openapi import shop_routes
from api.openapi.examples import EXAMPLES
from api.openapi.parts import PROBLEM, REASONS, REF, Json, answer, problems, reference
from api.overview.routes import Overview
from eventmill.config.settings import Settings
from eventmill.contracts.events import Event, GameEvent
from eventmill.kafka import topics

GUILD, ITEM = "the guild's name, such as house_stark", "the item's name, such as katana"
ACTIONS = {
    "purchase_a_sword": ITEM,
    "purchase_a_shield": ITEM,
    "join_guild": GUILD,
    "leave_guild": GUILD,
}


def description(settings: Settings) -> Json:
    """The whole document."""
    contracts = {name: topic.contract for name, topic in topics.collected(settings).items() if topic.contract}
    answers = (Accepted, Fault, Overview, Shown, *shop_routes.SCHEMAS)
    _, schemas = msgspec.json.schema_components([*contracts.values(), *answers], ref_template=REF)
    for name in contracts:
        schemas[f"{name}Sent"] = _sent(schemas[name])
    schemas["Problem"] = PROBLEM
    return {
        "openapi": "3.1.0",
        "info": {"title": "Eventmill's event API", "version": "1", "description": __doc__},
        "paths": {
            **{f"/v1/events/{name}": {"post": _collect(name, contract)} for name, contract in contracts.items()},
            **{f"/v1/game/{action}/{{name}}": {"post": _act(action, about)} for action, about in ACTIONS.items()},
            **shop_routes.paths(),
            "/v1/console": {"get": _recent()},
            "/v1/overview": {"get": _overview()},
            "/healthz": {"get": _plain("Whether the process lives.")},
            "/readyz": {"get": _plain("Whether Kafka can be written to.") | _unready()},
            "/metrics": {"get": _plain("Numbers for Prometheus.")},
        },
        "components": {"schemas": schemas, "securitySchemes": SCHEMES},
        "security": [{}, *({name: []} for name in SCHEMES)],
    }


SCHEMES: Json = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
}


def _sent(schema: Json) -> Json:
    """A contract as it may be sent: identity and time are filled in when they are missing."""
    required = [name for name in schema["required"] if name not in {"messageid", "timestamp"}]
    return schema | {"required": required}


def _collect(name: str, contract: type[Event]) -> Json:
    event = reference(f"{name}Sent")
    one_or_many = {"anyOf": [event, {"type": "array", "items": event, "minItems": 1}]}
    bodies_by_type: Json = {request_body.JSON: {"schema": one_or_many, "example": EXAMPLES[name]}}
    bodies_by_type |= {media_type: {"schema": {"type": "string"}} for media_type in request_body.NDJSON}
    return {
        "operationId": f"send{name}",
        "summary": (contract.__doc__ or "").partition("\n")[0],
        "description": "One event, an array of them, or one a line; gzip too. The answer comes when Kafka has them.",
        "requestBody": {"required": True, "content": bodies_by_type},
        "responses": {"202": answer("Kafka has acknowledged the events.", "Accepted")} | problems(*REASONS),
    }


def _act(action: str, about: str) -> Json:
    name = {"name": "name", "in": "path", "required": True, "description": about, "schema": {"type": "string"}}
    return {
        "operationId": action,
        "summary": action.replace("_", " ").capitalize(),
        "parameters": [name],
        "responses": {"202": answer("Kafka has acknowledged the event.", GameEvent.__name__)}
        | problems(400, 404, 408, 413, 422, 429, 431, 503),
    }


def _recent() -> Json:
    schema = {"type": "string", "pattern": cursor.PATTERN, "maxLength": cursor.LONGEST}
    about = {400: "The cursor is broken.", 503: "Kafka is away."}
    return {
        "operationId": "recentEvents",
        "summary": "Accepted and rejected events as they come, for the console.",
        "description": "The last ones of each topic, and then, with the cursor of an answer, those that followed it.",
        "parameters": [{"name": "cursor", "in": "query", "description": "that of an answer before", "schema": schema}],
        "responses": {"200": answer("At most 200 events.", Shown.__name__)}
        | problems(400, 401, 403, 408, 429, 431, 503, about=about),
    }


def _overview() -> Json:
    return {
        "operationId": "overview",
        "summary": "The pages of the stack, where each pipeline's records are, its jobs and DAGs, and what is wrong.",
        "description": "`reasons` is empty when all is well. An engine that hangs is said to after some seconds.",
        "responses": {"200": answer("As of a few seconds ago.", Overview.__name__)} | problems(401, 403, 408, 429, 431),
    }


def _plain(summary: str) -> Json:
    answer = {"description": summary, "content": {"text/plain": {"schema": {"type": "string"}}}}
    return {"summary": summary, "responses": {"200": answer}}


def _unready() -> Json:
    return {"responses": {**_plain("Ready.")["responses"], **problems(503)}}
