"""How often products were looked at, from Cassandra, by a span of time."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from eventmill import cassandra
from eventmill.settings import Settings

OF_WINDOW = "SELECT product_id, view_count FROM product_view WHERE created_at = ?"
AT_ONCE = 32


def products(settings: Settings, begin: datetime, end: datetime) -> Counter[str]:
    """The views of each product in the windows that start from `begin` on and before `end`; times in UTC."""
    from cassandra.concurrent import execute_concurrent_with_args

    length = timedelta(seconds=settings.views_window_seconds)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    first = epoch - (epoch - begin) // length * length
    windows = [(first + number * length,) for number in range(max(0, -((first - end) // length)))]
    found: Counter[str] = Counter()
    with cassandra.session(settings) as client:
        query = client.prepare(OF_WINDOW)
        for _, rows in execute_concurrent_with_args(client, query, windows, concurrency=AT_ONCE):
            for product, number in rows:
                found[product] += number
    return found
