"""The orders pipeline: an order and its event never part, and looks are counted right, while its parts are killed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import psutil
import pytest

from eventmill.airflow import rest_client
from eventmill.config.polling import until
from eventmill.contracts.events import LineItem, OrderEvent, OrderView, ProductView, utc
from eventmill.databases import mysql, query_engines
from eventmill.kafka import topic_reader
from ops.senders.shop_customers import Customers
from ops.stack.isolated_stack import IsolatedStack
from tests.e2e.clicks import Clicks
from tests.e2e.pipeline import Pipeline

STEPS = 3000
DAG = "orders_warehouse"


class Row(NamedTuple):
    """An order as MySQL has it."""

    orderid: int
    userid: str
    productid: str
    quantity: int
    status: int
    completed: bool


class Shop(Pipeline):
    """The shop of one stack, and what came to its topics since."""

    def __init__(self, stack: IsolatedStack) -> None:
        super().__init__(stack, "orders")
        self.start()
        self._begin = {topic: topic_reader.ends(stack.settings, topic) for topic in (self.orders, self.views)}

    @property
    def orders(self) -> str:
        """The topic of orders."""
        return self.stack.settings.orders_topic

    @property
    def views(self) -> str:
        """The topic of looks at orders."""
        return self.stack.settings.order_views_topic

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of the shop's database."""
        with mysql.connect(self.stack.settings, self.stack.settings.shop_database) as connection:
            cursor = connection.cursor()
            cursor.execute(statement)
            return [tuple(row) for row in cursor.fetchall()]

    def placed(self) -> dict[str, Row]:
        """All orders by the identity of their event."""
        found = self.query(
            "SELECT messageid, o.order_id, user_id, product_id, quantity, o.status, completedAt IS NOT NULL "
            "FROM orders AS o LEFT JOIN completed_orders USING (order_id)"
        )
        return {
            identity: Row(number, f"user-{user}", f"product-{product}", quantity, status, bool(completed))
            for identity, number, user, product, quantity, status, completed in found
        }

    def published(self, topic: str) -> list[bytes]:
        """What came to a topic."""
        with topic_reader.consumer(self.stack.settings) as client:
            now = topic_reader.offset_ranges(client, topic)
            limits = {
                number: topic_reader.OffsetRange(self._begin[topic][number], held.end) for number, held in now.items()
            }
            return [record.value or b"" for record in topic_reader.records_between(client, topic, limits)]

    def in_tables(self) -> None:
        """Wait until the job has processed all that is published, and let Hive find it."""
        self.wait_until_processed()
        self.stack.eventmill("tables", "orders")

    def looks(self, table: str, column: str) -> Counter[tuple[str, str]]:
        """How often each was looked at, by the minute and its name, as Cassandra has it."""
        rows = self.rows("cassandra", f"SELECT created_at, {column}, view_count FROM {table}")
        return Counter({(str(r["created_at"]), str(r[column])): int(str(r["view_count"])) for r in rows})

    def keep_busy(self, seed: int, steps: int) -> None:
        """Let customers do so many things."""
        self.stack.eventmill("shop", "run", "--rate", "1000", "--steps", str(steps), "--seed", str(seed))

    def run_dag(self) -> dict[str, str]:
        """Run the DAG of the warehouse to its end; returns the state of each task."""
        run = rest_client.trigger(self.stack.settings, DAG)
        return rest_client.wait(self.stack.settings, DAG, run, seconds=900)

    def warehouse(self, engine: str, suffix: str = "") -> set[tuple[object, ...]]:
        """The orders of the warehouse as an engine reads them."""
        query = f"SELECT order_id, user_id, product_id, quantity, ordered_at, status FROM orders{suffix}"
        rows = [tuple(row.values()) for row in self.rows(engine, query)]
        assert len(rows) == len(set(rows)), "an order is there twice"
        return set(rows)

    def in_shop(self) -> set[tuple[object, ...]]:
        """The same as the shop has them."""
        query = "SELECT order_id, user_id, product_id, quantity, orderedAt, status FROM orders"
        return {(*row[:4], query_engines.time_text(row[4]), row[5]) for row in self.query(query)}

    def wait_until_published(self) -> None:
        """Wait until the outbox is empty."""
        until(lambda: self.query("SELECT COUNT(*) FROM outbox") == [(0,)], 120, "the outbox is not empty", every=0.5)


@pytest.fixture
def shop(stack: IsolatedStack) -> Shop:
    """The shop of the stack."""
    return Shop(stack)


def test_killed_parts_part_no_order_from_its_event(shop: Shop) -> None:
    busy = Customers(shop.stack.settings, seed=41, patience=180)
    done: list[str] = []
    kills: tuple[Callable[[], None], ...] = tuple(
        partial(shop.kill, name) for name in ("api", "mysql", "cassandra", "kafka", "jobs")
    )
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(lambda: done.extend(islice(busy.steps(), STEPS)))
        for number, kill in enumerate(kills, 1):
            wanted = number * STEPS // 10
            until(lambda: len(busy.ordered) >= wanted or working.done(), 180, "no order is placed")  # noqa: B023
            kill()
        working.result()
    shop.stack.eventmill("up", seconds=600)
    shop.wait_until_published()

    rows = {identity: row for identity, row in shop.placed().items() if identity in busy.ordered}
    assert {identity: row.orderid for identity, row in rows.items()} == busy.ordered
    assert len(busy.ordered) == done.count("ordered")
    assert sum(row.completed for row in rows.values()) == done.count("completed")
    assert all(row.completed == (row.status == 1) for row in rows.values())

    events = [msgspec.json.decode(value, type=OrderEvent) for value in set(shop.published(shop.orders))]
    ours = {str(event.messageid): event for event in events if str(event.messageid) in busy.ordered}
    assert {identity: (event.orderid, event.userid, event.lineitems) for identity, event in ours.items()} == {
        identity: (row.orderid, row.userid, [LineItem(row.productid, row.quantity)]) for identity, row in rows.items()
    }
    assert len([event for event in events if str(event.messageid) in busy.ordered]) == len(ours)

    shop.in_tables()
    assert [shop.report()["differences"] for _ in range(2)] == [[], []]
    assert shop.report()["taken"]["days"]
    numbers = set(busy.ordered.values())
    views = {msgspec.json.decode(value, type=OrderView) for value in shop.published(shop.views)}
    looks = Counter((f"{view.timestamp:%Y-%m-%d %H:%M:00}", str(view.orderid)) for view in views)
    expected = {key: number for key, number in looks.items() if int(key[1]) in numbers}
    found = shop.looks("order_view", "order_id")
    assert {key: number for key, number in found.items() if int(key[1]) in numbers} == expected
    assert sum(expected.values()) >= done.count("looked up") > 0


def test_the_warehouse_has_what_the_shop_has(shop: Shop) -> None:
    shop.keep_busy(seed=51, steps=200)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(shop.run_dag)
        until(lambda: run.done() or sqoop_runs(), 300, "Sqoop did not start", every=0.1)
        assert not run.done(), run.result()
        shop.kill("mysql")
        assert set(run.result().values()) == {"success"}
    assert shop.warehouse("presto") == shop.warehouse("hive") == shop.warehouse("hive", "_text") == shop.in_shop()

    shop.keep_busy(seed=52, steps=200)
    assert shop.warehouse("presto") != shop.in_shop()
    assert set(shop.run_dag().values()) == {"success"}
    assert shop.warehouse("presto") == shop.warehouse("hive", "_text") == shop.in_shop()

    again = shop.run_dag()
    assert (again["new_orders"], again["anything_new"], again["clean"]) == ("skipped", "skipped", "skipped")
    assert shop.warehouse("presto") == shop.in_shop()


def sqoop_runs() -> bool:
    """Whether an import is under way."""
    commands = (process.info["cmdline"] or () for process in psutil.process_iter(["cmdline"]))
    return any("org.apache.sqoop.Sqoop" in command for command in commands)


def test_looks_at_products_are_counted_by_the_minute(shop: Shop, clicks: Clicks, tmp_path: Path) -> None:
    sound = ("--late", "0%", "--duplicates", "0%", "--broken", "0%")
    sample = clicks.generate(tmp_path, "products", "--count", "3000", "--span", "1h", "--seed", "14", *sound)
    clicks.send(sample.file)
    shop.wait_until_processed()
    views = [msgspec.json.decode(line, type=ProductView) for line in sample.file.read_bytes().splitlines()]
    expected = Counter((f"{utc(view.timestamp):%Y-%m-%d %H:%M:00}", view.properties.productid) for view in views)
    minutes = {minute for minute, _ in expected}
    found = shop.looks("product_view", "product_id")
    assert {key: number for key, number in found.items() if key[0] in minutes} == expected
