"""The shop's orders, each of which promises an event: whether those are stored that had come to Kafka.

Only the orders of days are looked for one by one that are not as they were when all of them were found.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

from eventmill.config.settings import Settings
from eventmill.databases import mysql, query_engines
from ops.reconciliation.last_check import Promised

PUBLISHED = """messageid NOT IN (
  SELECT JSON_UNQUOTE(JSON_EXTRACT(CONVERT(value USING utf8mb4), '$.messageid')) FROM outbox
)"""
"""For MySQL, of the orders those whose events Kafka has acknowledged."""

DAYS = f"""
SELECT DATE(orderedAt), COUNT(*), {mysql.digest_expression("messageid")}, MIN(order_id), MAX(order_id)
FROM orders WHERE {PUBLISHED} GROUP BY DATE(orderedAt)
"""  # noqa: S608 - all of it is ours
ORDERS = f"""
SELECT messageid FROM orders
WHERE order_id BETWEEN %s AND %s AND DATE(orderedAt) = %s AND {PUBLISHED}
"""  # noqa: S608 - all of it is ours


class Kept(NamedTuple):
    """Number of orders that promised an event, of those events that are stored, and the days of which all are."""

    promised: int = 0
    kept: int = 0
    days: Mapping[str, Promised] = {}


class PromisedOrders:
    """The orders whose events had come to Kafka at one moment, by day, such as `2026-01-01`."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._found = {
            query_engines.cell_text(query_engines.normalized(day)): tuple(map(int, rest))
            for day, *rest in self._ask(DAYS)
        }

    def days(self) -> dict[str, Promised]:
        """Orders by day."""
        return {day: Promised(rows, digest) for day, (rows, digest, _, _) in self._found.items()}

    def number(self) -> int:
        """Number of orders."""
        return sum(promised.rows for promised in self.days().values())

    def identities(self, day: str) -> frozenset[str]:
        """The identities of a day's events, without hyphens."""
        _, _, first, last = self._found[day]
        return frozenset(identity.replace("-", "") for (identity,) in self._ask(ORDERS, first, last, day))

    def _ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())


@contextmanager
def of_shop(settings: Settings) -> Iterator[PromisedOrders]:
    """The shop's orders as of this moment, whatever is ordered or comes to Kafka while the block runs."""
    with mysql.connect(settings, settings.shop_database) as connection:
        connection.start_transaction(consistent_snapshot=True, isolation_level="REPEATABLE READ", readonly=True)
        yield PromisedOrders(connection)


def compare(
    shop: PromisedOrders, noted: Mapping[str, Promised], same: Collection[str], stored: Callable[[str], frozenset[str]]
) -> Kept:
    """Look for the orders' events among those stored.

    Args:
        noted: the days of which all events were found, as they were then.
        same: the days whose stored events are the same as then.
        stored: the identities of a day's stored events, without hyphens; an event has the time of its order.
    """
    days = shop.days()
    kept = {
        day: promised.rows if day in same and noted.get(day) == promised else len(shop.identities(day) & stored(day))
        for day, promised in days.items()
    }
    whole = {day: promised for day, promised in days.items() if kept[day] == promised.rows}
    return Kept(shop.number(), sum(kept.values()), whole)
