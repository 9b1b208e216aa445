"""The shop's routes in the OpenAPI description."""

from __future__ import annotations

import msgspec

from api.collect import request_body
from api.openapi.parts import Json, answer, problems, reference
from api.shop.orders import NewOrder, Order
from api.shop.routes import LARGEST, Change, Orders, OrdersAsked, Products, ProductsAsked

SCHEMAS = (NewOrder, Change, Order, Orders, Products)
ANY = (400, 401, 403, 408, 413, 429, 431, 503)
ABOUT = {
    400: "The body is no JSON.",
    404: "There is no such order.",
    422: "A value is none that is taken; the detail names it.",
    503: "MySQL or Kafka is away.",
}
NUMBER: Json = {
    "name": "number",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "minimum": 0, "maximum": LARGEST},
}
KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "the identity of the order: one that is sent again is not placed again",
    "schema": {"type": "string", "format": "uuid"},
}


def paths() -> Json:
    """The routes."""
    place = answer("The order is placed; its event is in Kafka soon.", Order.__name__)
    same = answer("It was placed before.", Order.__name__)
    conflict = {409: "Another order came with this Idempotency-Key."}
    done = {409: "The order is completed."}
    return {
        "/v1/orders": {
            "get": _operation("listOrders", "Orders by their number", _query(OrdersAsked))
            | {"responses": {"200": answer("Some orders.", Orders.__name__)} | _problems(422)},
            "post": _operation("placeOrder", "Place an order", [KEY], NewOrder.__name__)
            | {"responses": {"201": place, "200": same} | _problems(409, 422, about=conflict)},
        },
        "/v1/orders/{number}": {
            "get": _operation("lookUpOrder", "Look up an order; a look at an open one is an event", [NUMBER])
            | {"responses": {"200": answer("The order.", Order.__name__)} | _problems(404)},
            "patch": _operation("changeOrder", "Complete an order", [NUMBER], Change.__name__)
            | {"responses": {"200": answer("The order.", Order.__name__)} | _problems(404, 409, 422, about=done)},
        },
        "/v1/products": {
            "get": _operation("listProducts", "Products by their number", _query(ProductsAsked))
            | {"responses": {"200": answer("Some products.", Products.__name__)} | _problems(422)},
        },
    }


def _operation(name: str, summary: str, parameters: list[Json], body: str = "") -> Json:
    described: Json = {"operationId": name, "summary": summary, "parameters": parameters}
    if body:
        described["requestBody"] = {"required": True, "content": {request_body.JSON: {"schema": reference(body)}}}
    return described


def _problems(*statuses: int, about: dict[int, str] | None = None) -> Json:
    return problems(*sorted({*statuses, *ANY}), about=ABOUT | (about or {}))


def _query(asked: type[msgspec.Struct]) -> list[Json]:
    """The query parameters that a struct has."""
    (schema,), schemas = msgspec.json.schema_components([asked])
    fields = schemas[schema["$ref"].rpartition("/")[2]]["properties"]
    return [{"name": name, "in": "query", "schema": _given(field)} for name, field in fields.items()]


def _given(field: Json) -> Json:
    """An optional query parameter with its schema."""
    return {name: value for name, value in field.items() if name != "default"}
