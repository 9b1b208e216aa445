"""One stack in containers for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.compose.containers import Containers


@pytest.fixture(scope="session")
def containers() -> Iterator[Containers]:
    """A running stack with nothing in it, in small batches; the DAG of the warehouse runs when a test says so."""
    small_batches = {f"{pipeline}_TRIGGER_SECONDS": "2" for pipeline in ("CLICKS", "GAME", "CARTS")}
    small_batches |= {f"{pipeline}_MAX_OFFSETS_PER_TRIGGER": "4000" for pipeline in ("CLICKS", "GAME", "CARTS")}
    stack = Containers("eventmill-test", 33000, ORDERS_SCHEDULE="0 0 29 2 *", **small_batches)
    stack.remove()
    stack.build()
    stack.up()
    yield stack
    stack.remove()
