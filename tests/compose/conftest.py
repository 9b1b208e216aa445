"""One stack in containers for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.compose.containers import Containers


@pytest.fixture(scope="session")
def containers() -> Iterator[Containers]:
    """A running stack with nothing in it."""
    stack = Containers("eventmill-test", 33000, CLICKS_TRIGGER_SECONDS="2", CLICKS_MAX_OFFSETS_PER_TRIGGER="4000")
    stack.remove()
    stack.build()
    stack.up()
    yield stack
    stack.remove()
