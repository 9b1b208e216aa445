"""View counts of products and orders from Cassandra, by a span of time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from eventmill.config.settings import Settings
from eventmill.databases import cassandra, newest

AT_ONCE = 32


@dataclass(frozen=True)
class Table:
    """One of the tables of views, by what is asked of it: the looks of a window, and when all windows start."""

    of_window: str
    windows: str


PRODUCTS = Table(
    "SELECT product_id, view_count FROM product_view WHERE created_at = ?",
    "SELECT DISTINCT created_at FROM product_view",
)
ORDERS = Table(
    "SELECT order_id, view_count FROM order_view WHERE created_at = ?", "SELECT DISTINCT created_at FROM order_view"
)


def products(settings: Settings, begin: datetime, end: datetime) -> Counter[str]:
    """The views of each product in the windows that start from `begin` on and before `end`; times in UTC."""
    return views_between(settings, PRODUCTS, begin, end)


def views_between(settings: Settings, table: Table, begin: datetime, end: datetime) -> Counter[str]:
    """Views of each in the windows that start from `begin` on and before `end`; times in UTC."""
    from cassandra.concurrent import execute_concurrent_with_args

    length = timedelta(seconds=settings.views_window_seconds)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    first = epoch - (epoch - begin) // length * length
    windows = [(first + number * length,) for number in range(max(0, -((first - end) // length)))]
    found: Counter[str] = Counter()
    with cassandra.cassandra_session(settings) as client:
        query = client.prepare(table.of_window)
        for _, rows in execute_concurrent_with_args(client, query, windows, concurrency=AT_ONCE):
            for looked_at, number in rows:
                found[str(looked_at)] += number
    return found


def newest_end(settings: Settings, table: Table, span: timedelta) -> datetime | None:
    """End of the newest span with views, in UTC, by `newest.end_of_newest`; Cassandra goes through all keys."""
    with cassandra.cassandra_session(settings) as client:
        starts = [start.replace(tzinfo=UTC) for (start,) in client.execute(table.windows)]
    return newest.end_of_newest(starts, timedelta(seconds=settings.views_window_seconds), span)
