"""One stack in containers for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.compose.containers import Containers


@pytest.fixture(scope="session")
def containers() -> Iterator[Containers]:
    """A running stack with nothing in it."""
    small_batches = {f"{line}_TRIGGER_SECONDS": "2" for line in ("CLICKS", "GAME", "CARTS")}
    small_batches |= {f"{line}_MAX_OFFSETS_PER_TRIGGER": "4000" for line in ("CLICKS", "GAME", "CARTS")}
    stack = Containers("eventmill-test", 33000, **small_batches)
    stack.remove()
    stack.build()
    stack.up()
    yield stack
    stack.remove()
