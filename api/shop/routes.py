"""The shop's routes: orders are placed, completed and looked at, as REST and by the short paths for trying it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlencode
from uuid import UUID, uuid4

import msgspec
from flask import Blueprint, Response, request
from msgspec import UNSET, Meta, UnsetType

from api.auth import Keys
from api.collect import request_body
from api.collect.publisher import OutgoingRecord
from api.collect.validator import Receipt
from api.http.problems import ProblemError
from api.pages import lower, refuse_head
from api.shop.orders import COMPLETED, OPEN, NewOrder, Order, Product, Shop, UserId
from eventmill.contracts.events import OrderView

Publish = Callable[[Sequence[OutgoingRecord]], dict[int, str]]
"""Writes records to Kafka and waits; returns the reasons of those that were not acknowledged, by their index."""

LARGEST = 2**63 - 1
Number = Annotated[int, Meta(ge=0, le=LARGEST)]
Limit = Annotated[int, Meta(ge=1, le=1000)]
Asked = TypeVar("Asked")


class ProductsAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which products are asked for: at most `limit` after a number."""

    after: Number = 0
    limit: Limit = 50


class OrdersAsked(ProductsAsked, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which orders are asked for; all of them, or those of a status or of a user."""

    status: Literal[0, 1] | UnsetType = UNSET
    userid: UserId | UnsetType = UNSET


class Many(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Number of random orders to place or complete."""

    number: Limit = 1


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change of an order."""

    status: Literal[0, 1]


class Orders(msgspec.Struct, frozen=True):
    """Some orders, and where those after them are."""

    orders: list[Order]
    next: str | None = None


class Products(msgspec.Struct, frozen=True):
    """Some products, and where those after them are."""

    products: list[Product]
    next: str | None = None


def orders(shop: Shop, topic: str, publish: Publish, keys: Keys) -> Blueprint:
    """The routes; looks at open orders go to that topic."""
    blueprint = Blueprint("orders", __name__)

    @blueprint.before_request
    def admit() -> None:
        keys.admit(lower(request.headers), request.remote_addr or "")

    @blueprint.post("/v1/orders")
    def place() -> Response:
        placed, is_new = shop.order(_body(NewOrder), _identity())
        reply = _json(placed, HTTPStatus.CREATED if is_new else HTTPStatus.OK)
        reply.headers["Location"] = f"/v1/orders/{placed.orderid}"
        return reply

    @blueprint.patch("/v1/orders/<name>")
    def change(name: str) -> Response:
        number = _number(name)
        if _body(Change).status == COMPLETED:
            return _json(shop.complete(number))
        found = shop.look_up(number)
        if found.status == COMPLETED:
            raise ProblemError(HTTPStatus.CONFLICT, f"order {number} is completed, which cannot be undone")
        return _json(found)

    @blueprint.get("/v1/orders/<name>")
    def look_up(name: str) -> Response:
        found = shop.look_up(_number(name))
        if found.status == OPEN and request.method != "HEAD":
            _tell(found)
        return _json(found)

    def _tell(order: Order) -> None:
        """Publish that its user has looked at an open order."""
        receipt = Receipt.now()
        event = OrderView(
            messageid=uuid4(),
            timestamp=receipt.moment,
            event="OrderView",
            userid=order.userid,
            orderid=order.orderid,
        )
        record = OutgoingRecord(topic, str(order.orderid).encode(), msgspec.json.encode(event))
        if failed := publish([record]):
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE, "Kafka has not acknowledged it", {"Retry-After": "2"}, reason=failed[0]
            )

    @blueprint.get("/v1/orders")
    @blueprint.get("/vieworders")
    def many() -> Response:
        asked = _query(OrdersAsked)
        found = shop.orders(asked.after, asked.limit, asked.status, asked.userid)
        return _json(Orders(found, _next(asked, [order.orderid for order in found])))

    @blueprint.get("/v1/products")
    @blueprint.get("/viewproducts")
    def products() -> Response:
        asked = _query(ProductsAsked)
        found = shop.products(asked.after, asked.limit)
        return _json(Products(found, _next(asked, [int(product.productid.rpartition("-")[2]) for product in found])))

    @blueprint.route("/createorders", methods=["GET", "POST"])
    def place_any() -> Response:
        refuse_head()
        chosen = shop.any_users_and_products(_query(Many).number)
        return _json(Orders([shop.order(NewOrder(*pair), uuid4())[0] for pair in chosen]), HTTPStatus.CREATED)

    @blueprint.route("/updateorders", methods=["GET", "POST"])
    def complete_any() -> Response:
        refuse_head()
        return _json(Orders([shop.complete(number) for number in shop.any_open_orders(_query(Many).number)]))

    return blueprint


def _number(name: str) -> int:
    """The number of an order in a path.

    Raises:
        ProblemError: 404 when it can be none.
    """
    try:
        return msgspec.convert(name, Number, strict=False)
    except msgspec.ValidationError:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"there is no order {name}") from None


def _json(value: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(msgspec.json.encode(value), status, mimetype=request_body.JSON)


def _body(kind: type[Asked]) -> Asked:
    """The request's body in JSON, whatever type it is sent as.

    Raises:
        ProblemError: 400 when it's no JSON, 422 naming what is wrong.
    """
    return _checked(lambda: msgspec.json.decode(request_body.unmarked(request.get_data()), type=kind))


def _query(kind: type[Asked]) -> Asked:
    """The request's query parameters.

    Raises:
        ProblemError: 422 naming the one that is wrong.
    """
    return _checked(lambda: msgspec.convert(request.args.to_dict(), kind, strict=False))


def _checked(decode: Callable[[], Asked]) -> Asked:
    try:
        return decode()
    except msgspec.ValidationError as error:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
    except (ValueError, RecursionError) as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"the body is no JSON: {error}") from error


def _identity() -> UUID:
    """The identity of an order: the request's Idempotency-Key, by which one that is sent again is known.

    Raises:
        ProblemError: 400 when it's no UUID.
    """
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return uuid4()
    try:
        return msgspec.convert(given, UUID)
    except msgspec.ValidationError:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "Idempotency-Key must be a UUID") from None


def _next(asked: ProductsAsked, numbers: Sequence[int]) -> str | None:
    """Address of the following page; None when there are no more."""
    if len(numbers) < asked.limit:
        return None
    return f"{request.path}?{urlencode(msgspec.to_builtins(asked) | {'after': numbers[-1]})}"
