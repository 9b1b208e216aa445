"""The API under requests that nobody foresaw, made from its own description."""

from __future__ import annotations

from ops.stack.isolated_stack import IsolatedStack
from tests.e2e import fuzz
from tests.e2e.own_api import own_api

CASES = 10_000


def test_no_request_breaks_the_api(doors: IsolatedStack) -> None:
    with own_api(doors) as address:
        assert sum(fuzz.many(address, CASES)) >= CASES
