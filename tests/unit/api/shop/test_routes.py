"""The shop's routes: what is answered and what Kafka gets, with the orders in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import cast
from uuid import UUID

import jsonschema
import msgspec
import pytest
from flask.testing import FlaskClient
from msgspec import UNSET
from werkzeug.test import TestResponse

from api.auth import Keys
from api.collect.publisher import OutgoingRecord
from api.http.problems import ProblemError
from api.openapi import description
from api.openapi.parts import REF
from api.pages import create_app
from api.shop.orders import COMPLETED, NewOrder, Order, Product, Shop
from api.shop.routes import orders
from eventmill.config.api_keys import key_digest
from eventmill.contracts.events import OrderView, decode_event
from tests.support import settings

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
WANTED = {"userid": "user-346", "productid": "product-784", "quantity": 3}
IDENTITY = "5f0c2a52-9f0e-4f0e-9a43-0e6f7f2f4a11"


class ShopInMemory:
    """The same without MySQL."""

    def __init__(self) -> None:
        self.placed: dict[int, Order] = {}
        self.identities: dict[UUID, int] = {}

    def order(self, wanted: NewOrder, messageid: UUID) -> tuple[Order, bool]:
        """As the shop's own."""
        if messageid in self.identities:
            return self.placed[self.identities[messageid]], False
        number = len(self.placed) + 1
        self.identities[messageid] = number
        self.placed[number] = Order(number, wanted.userid, wanted.productid, wanted.quantity, NOW, 0)
        return self.placed[number], True

    def look_up(self, number: int) -> Order:
        """As the shop's own."""
        if number not in self.placed:
            raise ProblemError(HTTPStatus.NOT_FOUND, f"there is no order {number}")
        return self.placed[number]

    def complete(self, number: int) -> Order:
        """As the shop's own."""
        done = msgspec.structs.replace(self.look_up(number), status=COMPLETED, completed_at=NOW)
        self.placed[number] = done
        return done

    def orders(self, after: int, limit: int, status: object, userid: object) -> list[Order]:
        """As the shop's own."""
        found = [order for number, order in self.placed.items() if number > after and status in (UNSET, order.status)]
        return [order for order in found if userid in (UNSET, order.userid)][:limit]

    def products(self, after: int, limit: int) -> list[Product]:
        """As the shop's own, with three products."""
        return [Product(f"product-{number}", "books", "atlas") for number in range(after + 1, 4)][:limit]

    def any_users_and_products(self, number: int) -> list[tuple[str, str]]:
        """As the shop's own."""
        return [("user-1", "product-1")] * number

    def any_open_orders(self, number: int) -> list[int]:
        """As the shop's own."""
        return [order.orderid for order in self.placed.values() if order.status != COMPLETED][:number]


class Service:
    """The shop's routes and what they have published."""

    def __init__(self, keys: Keys | None = None) -> None:
        self.shop = ShopInMemory()
        self.records: list[OutgoingRecord] = []
        self.lost: dict[int, str] = {}
        blueprint = orders(cast(Shop, self.shop), "order-views", self._publish, keys or Keys(settings()))
        self.client: FlaskClient = create_app([blueprint], lambda: None, {}).test_client()

    def _publish(self, records: Sequence[OutgoingRecord]) -> dict[int, str]:
        self.records += records
        return self.lost

    def place(self, **changes: object) -> TestResponse:
        """The answer to an order."""
        return self.client.post("/v1/orders", json=WANTED | changes, headers={"Idempotency-Key": IDENTITY})


@pytest.fixture
def service() -> Service:
    """One without orders, that needs no key."""
    return Service()


def validate(value: object, name: str) -> None:
    """Check a value by a schema of the OpenAPI description."""
    schema = {"$ref": REF.format(name=name), "components": description.description(settings())["components"]}
    jsonschema.Draft202012Validator(schema).validate(value)


def test_an_order_is_placed_once_for_its_key(service: Service) -> None:
    first, second = service.place(), service.place()
    assert (first.status_code, second.status_code) == (201, 200)
    assert (
        first.json
        == second.json
        == WANTED
        | {
            "orderid": 1,
            "orderedAt": "2026-11-01T12:00:00Z",
            "status": 0,
            "completedAt": None,
        }
    )
    assert first.headers["Location"] == "/v1/orders/1"
    validate(first.json, "Order")
    assert service.client.post("/v1/orders", json=WANTED).get_json()["orderid"] == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"userid": "346"}, "$.userid"),
        ({"productid": 784}, "$.productid"),
        ({"quantity": 0}, "$.quantity"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_order_is_refused_by_name(service: Service, changes: dict[str, object], said: str) -> None:
    reply = service.place(**changes)
    assert reply.status_code == 422
    assert said in reply.get_json()["detail"]
    assert service.shop.placed == {}


def test_bodies_that_are_no_json_are_refused(service: Service) -> None:
    assert service.client.post("/v1/orders", data=b"{", content_type="application/json").status_code == 400
    reply = service.client.post("/v1/orders", json=WANTED, headers={"Idempotency-Key": "mine"})
    assert (reply.status_code, reply.get_json()["detail"]) == (400, "Idempotency-Key must be a UUID")


@pytest.mark.parametrize("content_type", [None, "text/plain;charset=UTF-8", "application/json; charset=utf8"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_body_decides_that_it_is_json(service: Service, content_type: str | None, mark: bytes) -> None:
    body = mark + msgspec.json.encode(WANTED)
    assert service.client.post("/v1/orders", data=body, content_type=content_type).status_code == 201


def test_a_look_at_the_head_of_a_page_does_nothing(service: Service) -> None:
    service.place()
    assert service.client.head("/v1/orders/1").status_code == 200
    for path in ("/createorders", "/updateorders"):
        assert service.client.head(path).status_code == 405
    assert service.records == []
    assert [order.status for order in service.shop.placed.values()] == [0]


def test_a_look_at_an_open_order_is_an_event(service: Service) -> None:
    service.place()
    assert service.client.get("/v1/orders/1").get_json()["orderid"] == 1
    (record,) = service.records
    event = decode_event(OrderView, record.value, datetime.now(UTC))
    assert (event.orderid, event.userid) == (1, "user-346")
    assert (record.topic, record.key) == ("order-views", b"1")
    service.client.patch("/v1/orders/1", json={"status": 1})
    assert service.client.get("/v1/orders/1").get_json()["status"] == 1
    assert service.records == [record]


def test_a_look_that_kafka_does_not_acknowledge_is_no_answer(service: Service) -> None:
    service.place()
    service.lost = {0: "timed out"}
    reply = service.client.get("/v1/orders/1")
    assert (reply.status_code, reply.get_json()["reason"]) == (503, "timed out")


def test_an_order_is_completed_once_and_for_all(service: Service) -> None:
    service.place()
    assert service.client.patch("/v1/orders/1", json={"status": 0}).get_json()["status"] == 0
    for _ in range(2):
        reply = service.client.patch("/v1/orders/1", json={"status": 1})
        assert (reply.status_code, reply.get_json()["completedAt"]) == (200, "2026-11-01T12:00:00Z")
    assert service.client.patch("/v1/orders/1", json={"status": 0}).status_code == 409
    assert service.client.patch("/v1/orders/1", json={"status": 2}).status_code == 422
    assert service.client.patch("/v1/orders/2", json={"status": 1}).status_code == 404
    for name in ("9" * 20, "9" * 5000, "-1", "1.5", "first"):
        assert service.client.get(f"/v1/orders/{name}").status_code == 404


def test_orders_come_in_pages(service: Service) -> None:
    service.client.post("/createorders?number=5")
    service.client.get("/updateorders?number=2")
    page, found = "/v1/orders?status=0&limit=2", []
    while page:
        answer = service.client.get(page).get_json()
        validate(answer, "Orders")
        found += [order["orderid"] for order in answer["orders"]]
        page = answer["next"]
    assert found == [3, 4, 5]
    assert len(service.client.get("/vieworders?userid=user-1").get_json()["orders"]) == 5
    assert service.client.get("/vieworders?userid=user-2").get_json() == {"orders": [], "next": None}


def test_products_come_in_pages(service: Service) -> None:
    first = service.client.get("/viewproducts?limit=2").get_json()
    validate(first, "Products")
    assert first["next"] == "/viewproducts?limit=2&after=2"
    assert [product["productid"] for product in service.client.get(first["next"]).get_json()["products"]] == [
        "product-3"
    ]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=many", "after=-1", "status=2", "status=null", "userid=346", "userid=null", "colour=red"]
)
def test_a_wrong_question_is_refused_by_name(service: Service, query: str) -> None:
    reply = service.client.get(f"/v1/orders?{query}")
    assert reply.status_code == 422
    validate(reply.get_json(), "Problem")


def test_a_key_is_asked_for_where_there_are_keys() -> None:
    service = Service(Keys(settings(api_keys=f"shop:{key_digest('secret')}")))
    assert service.client.get("/v1/products").status_code == 401
    assert service.client.get("/v1/products", headers={"X-API-Key": "secret"}).status_code == 200
