"""The shop's orders and products in MySQL. A new order leaves its event in the outbox, in the same transaction."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType
from mysql.connector.errorcode import ER_DUP_ENTRY, ER_NO_REFERENCED_ROW_2
from mysql.connector.errors import IntegrityError

from api.http.mysql_pool import Connections
from api.http.problems import ProblemError
from eventmill.config.settings import Settings
from eventmill.contracts.events import LineItem, OrderEvent

CONNECTIONS = 8
OPEN, COMPLETED = 0, 1
AMONG = 1000
"""Of how many of the oldest open orders chance picks those to complete."""

UserId = Annotated[str, Meta(pattern="^user-[1-9][0-9]{0,8}$", description="such as user-346")]
ProductId = Annotated[str, Meta(pattern="^product-[1-9][0-9]{0,8}$", description="such as product-784")]
"""For Python, `$` is also before a line break at the end; so what is stored is made of the number alone."""

ORDER = """
SELECT o.order_id, o.user_id, o.product_id, o.quantity, o.orderedAt, o.status, c.completedAt
FROM orders AS o LEFT JOIN completed_orders AS c USING (order_id)
"""
INSERT = "INSERT INTO orders (user_id, product_id, quantity, orderedAt, messageid) VALUES (%s, %s, %s, %s, %s)"
PUT_OUT = "INSERT INTO outbox (topic, record_key, value) VALUES (%s, %s, %s)"
COMPLETE = "UPDATE orders SET status = 1 WHERE order_id = %s AND status = 0"
COMPLETED_AT = "INSERT INTO completed_orders (order_id, completedAt) VALUES (%s, %s)"
ANY_OPEN = """
SELECT order_id FROM (SELECT order_id FROM orders WHERE status = 0 ORDER BY order_id LIMIT %s) AS oldest
ORDER BY RAND() LIMIT %s
"""


class NewOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order that a shopper places."""

    userid: UserId
    productid: ProductId
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)] = 1


class Order(msgspec.Struct, frozen=True):
    """An order of the shop.

    Attributes:
        status: 0 when it is open, 1 when it is completed.
    """

    orderid: int
    userid: str
    productid: str
    quantity: int
    ordered_at: datetime = msgspec.field(name="orderedAt")
    status: int
    completed_at: datetime | None = msgspec.field(name="completedAt", default=None)

    @classmethod
    def of(cls, row: Sequence[Any]) -> Order:
        """From a row of ORDER."""
        number, user, product, quantity, ordered, status, completed = row
        done = completed.replace(tzinfo=UTC) if completed else None
        return cls(number, f"user-{user}", f"product-{product}", quantity, ordered.replace(tzinfo=UTC), status, done)


class Product(msgspec.Struct, frozen=True):
    """A product of the shop."""

    productid: str
    category: str
    name: str


class Shop:
    """The shop. Its methods raise ProblemError: 503 when MySQL is away, and what else they say."""

    def __init__(self, settings: Settings) -> None:
        self._connections = Connections(settings, settings.shop_database, CONNECTIONS, "the shop's orders")
        self._topic = settings.orders_topic

    def order(self, wanted: NewOrder, messageid: UUID) -> tuple[Order, bool]:
        """Order something; returns the order, and whether it's new: one with that identity is not ordered again.

        Raises:
            ProblemError: 422 for a user or product that the shop does not have, 409 when another order has that
                identity.
        """
        with self._connections.growing() as cursor:
            now, user, product = _now(), _number(wanted.userid), _number(wanted.productid)
            try:
                values = user, product, wanted.quantity, now.replace(tzinfo=None), str(messageid)
                cursor.execute(INSERT, values)
            except IntegrityError as error:
                if error.errno == ER_DUP_ENTRY:
                    return _same(_one(cursor, "o.messageid = %s", str(messageid)), wanted), False
                raise _unknown(error, wanted) from error
            placed = Order(cursor.lastrowid, f"user-{user}", f"product-{product}", wanted.quantity, now, OPEN)
            event = OrderEvent(
                messageid=messageid,
                timestamp=now,
                event="OrderEvent",
                userid=placed.userid,
                lineitems=[LineItem(placed.productid, placed.quantity)],
                orderid=placed.orderid,
            )
            cursor.execute(PUT_OUT, (self._topic, placed.userid.encode(), msgspec.json.encode(event)))
        return placed, True

    def complete(self, number: int) -> Order:
        """Complete an order; one that is completed stays as it is.

        Raises:
            ProblemError: 404 when there is none of that number.
        """
        with self._connections.growing() as cursor:
            cursor.execute(COMPLETE, (number,))
            if cursor.rowcount:
                cursor.execute(COMPLETED_AT, (number, _now().replace(tzinfo=None)))
            return _found(_one(cursor, "o.order_id = %s", number), number)

    def look_up(self, number: int) -> Order:
        """The order of that number.

        Raises:
            ProblemError: 404 when there is none.
        """
        with self._connections.transaction() as cursor:
            return _found(_one(cursor, "o.order_id = %s", number), number)

    def orders(
        self, after: int, limit: int, status: int | UnsetType = UNSET, userid: str | UnsetType = UNSET
    ) -> list[Order]:
        """At most so many orders with higher numbers, ascending: all, or those of a status or a user."""
        wanted: dict[str, object] = {"o.order_id > %s": after}
        if status is not UNSET:
            wanted["o.status = %s"] = status
        if userid is not UNSET:
            wanted["o.user_id = %s"] = _number(userid)
        with self._connections.transaction() as cursor:
            where = " AND ".join(wanted)
            cursor.execute(f"{ORDER} WHERE {where} ORDER BY o.order_id LIMIT %s", (*wanted.values(), limit))
            return [Order.of(row) for row in cursor.fetchall()]

    def products(self, after: int, limit: int) -> list[Product]:
        """At most so many products with higher numbers, ascending."""
        query = "SELECT product_id, category, name FROM products WHERE product_id > %s ORDER BY product_id LIMIT %s"
        with self._connections.transaction() as cursor:
            cursor.execute(query, (after, limit))
            return [Product(f"product-{number}", category, name) for number, category, name in cursor.fetchall()]

    def any_users_and_products(self, number: int) -> list[tuple[str, str]]:
        """Draws users, each with a product, by chance."""
        with self._connections.transaction() as cursor:
            users = _any(cursor, "SELECT id FROM user ORDER BY RAND() LIMIT %s", number)
            products = _any(cursor, "SELECT product_id FROM products ORDER BY RAND() LIMIT %s", number)
        return [(f"user-{user}", f"product-{product}") for user, product in zip(users, products, strict=False)]

    def any_open_orders(self, number: int) -> list[int]:
        """At most so many of the oldest open orders, by chance."""
        with self._connections.transaction() as cursor:
            return _any(cursor, ANY_OPEN, AMONG, number)


def _any(cursor: Any, query: str, *limits: int) -> list[int]:
    cursor.execute(query, limits)
    return [int(number) for (number,) in cursor.fetchall()]


def _now() -> datetime:
    """This moment, as exact as MySQL keeps it."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _number(name: str) -> int:
    """The number that the database has for `user-346` or `product-784`."""
    found = re.search(r"[0-9]+$", name)
    assert found is not None
    return int(found[0])


def _one(cursor: Any, condition: str, value: object) -> Order | None:
    cursor.execute(f"{ORDER} WHERE {condition}", (value,))
    row = cursor.fetchone()
    return Order.of(row) if row else None


def _found(order: Order | None, number: int) -> Order:
    if order is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"there is no order {number}")
    return order


def _same(order: Order | None, wanted: NewOrder) -> Order:
    """The order that has the identity already, if it is the one that is wanted."""
    numbers = _number(wanted.userid), _number(wanted.productid), wanted.quantity
    if order is None or (_number(order.userid), _number(order.productid), order.quantity) != numbers:
        raise ProblemError(HTTPStatus.CONFLICT, "another order came with this Idempotency-Key")
    return order


def _unknown(error: IntegrityError, wanted: NewOrder) -> Exception:
    if error.errno != ER_NO_REFERENCED_ROW_2:
        return error
    missing = wanted.userid if "orders_user" in str(error) else wanted.productid
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"the shop has no {missing}")
