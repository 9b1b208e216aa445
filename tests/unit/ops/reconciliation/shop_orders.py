"""The shop's database with orders whose events have left the outbox, for tests without MySQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from zlib import crc32

from eventmill.config.settings import Settings
from ops.reconciliation import shop_orders


class Orders:
    """The identities of the orders by day, such as `2026-01-01`; keeps the days that were asked for one by one."""

    def __init__(self, days: Mapping[str, Sequence[str]]) -> None:
        self.days = {day: list(identities) for day, identities in days.items()}
        self.asked: list[object] = []
        self._answer: list[tuple[object, ...]] = []
        self._is_one_moment = False

    @contextmanager
    def connect(self, _: Settings, database: str) -> Iterator[Orders]:
        """It is its own connection."""
        assert database == "eCommerce"
        yield self

    def start_transaction(self, **options: object) -> None:
        """All that is asked from now on is as of one moment."""
        assert options == {"consistent_snapshot": True, "isolation_level": "REPEATABLE READ", "readonly": True}
        self._is_one_moment = True

    def cursor(self) -> Orders:
        """It is its own cursor too."""
        assert self._is_one_moment
        return self

    def close(self) -> None:
        """Nothing is left open."""

    def execute(self, statement: str, values: Sequence[object]) -> None:
        """Answer the two statements."""
        if statement == shop_orders.DAYS:
            ranges = zip(self.days.items(), self._ranges(), strict=True)
            self._answer = [(date.fromisoformat(day), len(each), _xor(each), *ids) for (day, each), ids in ranges]
        else:
            assert statement == shop_orders.ORDERS
            first, last, day = values
            assert (first, last) in self._ranges()
            self.asked.append(day)
            self._answer = [(identity,) for identity in self.days[str(day)]]

    def _ranges(self) -> list[tuple[int, int]]:
        """Each day's first and last order."""
        return [(10 * number, 10 * number + len(each)) for number, each in enumerate(self.days.values())]

    def fetchall(self) -> list[tuple[object, ...]]:
        """What was asked for last."""
        return self._answer


def _xor(identities: Sequence[str]) -> int:
    digest = 0
    for identity in identities:
        digest ^= crc32(identity.encode())
    return digest
