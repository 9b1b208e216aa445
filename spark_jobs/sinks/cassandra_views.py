"""Cassandra's tables of views: counts are set, never added to, so that a replayed batch changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import groupby
from operator import attrgetter
from typing import Any

from eventmill.config.settings import Settings
from eventmill.databases import cassandra
from spark_jobs.processing.refusals import RefusedError, Sink
from spark_jobs.processing.window_aggregation import Count
from spark_jobs.sinks.parquet_tables import utc_time

PRODUCT_VIEW = "INSERT INTO product_view (created_at, product_id, view_count) VALUES (?, ?, ?)"
ORDER_VIEW = "INSERT INTO order_view (created_at, order_id, view_count) VALUES (?, ?, ?)"

ROWS = 200
"""Rows of one request at most; they are of one window, so of one partition."""

AT_ONCE = 16
"""Requests that are under way at a time."""


class ViewTable:
    """One of the tables; connected when there is something to write, and for good: the driver finds it again."""

    def __init__(self, settings: Settings, insert: str, value: Callable[[str], str | int]) -> None:
        """`value` makes what the table has for a label."""
        self._settings = settings
        self._insert = insert
        self._value = value

    @cached_property
    def _session(self) -> Any:
        return cassandra.connect(self._settings)

    @cached_property
    def _prepared(self) -> Any:
        return self._session.prepare(self._insert)

    def put(self, counts: Sequence[Count]) -> None:
        """Set the counts; done when Cassandra has all of them.

        Raises:
            RefusedError: when it refuses some because of their labels.
            Exception: the driver's, when it does not come back, or there is no such table.
        """
        sink: Sink[Count] = Sink(
            "Cassandra",
            write=self._put,
            # What is set stands: the next try of the batch sets it again.
            try_out=self._put,
            is_away=cassandra.is_away,
            is_refusal=cassandra.is_refusal,
            origin=lambda count: count.source,
        )
        try:
            sink.put(counts)
        except RefusedError:
            # Refused with the same words when the table is missing: that is not due to the data.
            self._session.prepare(self._insert)
            raise

    def _put(self, counts: Sequence[Count]) -> None:
        from cassandra.concurrent import execute_concurrent

        requests = [(batch, ()) for batch in self._batches(counts)]
        execute_concurrent(self._session, requests, concurrency=AT_ONCE, raise_on_first_error=True)

    def _batches(self, counts: Sequence[Count]) -> Iterator[Any]:
        from cassandra.query import BatchStatement, BatchType

        start = attrgetter("window_start")
        for window_start, of_window in groupby(sorted(counts, key=start), start):
            rows = list(of_window)
            for first in range(0, len(rows), ROWS):
                # Rows of one partition are written at once, without a log of batches.
                batch = BatchStatement(BatchType.UNLOGGED)
                for count in rows[first : first + ROWS]:
                    batch.add(self._prepared, (utc_time(window_start), self._value(count.source), count.number))
                yield batch
