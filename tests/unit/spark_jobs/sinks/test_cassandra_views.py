"""Counts that Cassandra refuses are those with a label that it cannot hold, unless it has no such table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from cassandra import InvalidRequest

from spark_jobs.processing.refusals import RefusedError
from spark_jobs.processing.window_aggregation import Count
from spark_jobs.sinks.cassandra_views import PRODUCT_VIEW, ViewTable
from tests.support import settings


class Session:
    """Prepares statements as long as there is a table."""

    has_table = True

    def prepare(self, statement: str) -> str:
        """As the driver's."""
        if not self.has_table:
            raise InvalidRequest("unconfigured table product_view")
        return statement


class Table(ViewTable):
    """A table that refuses a label."""

    def __init__(self, session: Session) -> None:
        super().__init__(settings(), PRODUCT_VIEW, str)
        self._session: Any = session
        self.held: set[str] = set()

    def _put(self, counts: Sequence[Count]) -> None:
        if any(count.source == "too long" for count in counts):
            raise InvalidRequest("Key length of 70000 is longer than maximum of 65535")
        self.held |= {count.source for count in counts}


def counts(*sources: str) -> list[Count]:
    """One count of each source."""
    return [Count(0, 60_000_000, source, 1, 1) for source in sources]


def test_a_label_that_is_refused_is_named() -> None:
    table = Table(Session())
    with pytest.raises(RefusedError) as caught:
        table.put(counts("a", "too long", "b"))
    assert caught.value.reasons.keys() == {"too long"}
    table.put(counts("a", "b"))
    assert table.held == {"a", "b"}


def test_a_missing_table_is_no_matter_of_data() -> None:
    session = Session()
    session.has_table = False
    with pytest.raises(InvalidRequest, match="unconfigured table"):
        Table(session).put(counts("too long"))
