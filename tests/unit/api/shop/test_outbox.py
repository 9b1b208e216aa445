"""The outbox: what Kafka has acknowledged leaves it, all else stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.collect.publisher import OutgoingRecord
from api.shop import outbox
from api.shop.outbox import Outbox
from tests.support import settings

ROWS = [(number, "orders", bytearray(b"user-1"), bytearray(b"{}")) for number in range(1, 6)]


class Database:
    """An outbox in memory, as connection and as cursor; `committed` is what would outlive the process."""

    def __init__(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self.rows = self.committed = list(rows)

    def cursor(self) -> Database:
        """As a connection."""
        return self

    def execute(self, statement: str, arguments: tuple[int]) -> None:
        """As a cursor; only one query is known."""
        assert statement == outbox.SELECT

    def fetchall(self) -> list[tuple[Any, ...]]:
        """As a cursor."""
        return self.rows

    def executemany(self, statement: str, rows: Sequence[tuple[int]]) -> None:
        """As a cursor that deletes."""
        gone = {number for (number,) in rows}
        self.rows = [row for row in self.rows if row[0] not in gone]

    def commit(self) -> None:
        """As a connection."""
        self.committed = self.rows


class Kafka:
    """Keeps the records; acknowledges all but those with an index in `lost`."""

    def __init__(self, *lost: int) -> None:
        self.lost = dict.fromkeys(lost, "timed out")
        self.records: list[OutgoingRecord] = []

    def publish(self, records: Sequence[OutgoingRecord]) -> dict[int, str]:
        """As the publisher's own."""
        self.records += records
        return self.lost


def test_what_is_acknowledged_leaves_the_outbox() -> None:
    database, kafka = Database(ROWS), Kafka()
    box = Outbox(settings(), kafka.publish)
    assert box.turn(database) == 5
    assert kafka.records == [OutgoingRecord("orders", b"user-1", b"{}")] * 5
    assert database.committed == []
    assert box.turn(database) == 0
    assert len(kafka.records) == 5


def test_what_is_not_acknowledged_stays(monkeypatch: Any) -> None:
    monkeypatch.setattr(outbox, "PAUSE_SECONDS", 0)
    database = Database(ROWS)
    assert Outbox(settings(), Kafka(0, 3).publish).turn(database) == 3
    assert [row[0] for row in database.committed] == [1, 4]
