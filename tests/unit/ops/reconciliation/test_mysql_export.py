"""Of the export to MySQL only the days are fetched whose digest is not the noted one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal

import pytest

from eventmill.config.settings import Settings
from eventmill.databases import mysql
from ops.reconciliation import mysql_export
from ops.reconciliation.last_check import CheckNote, Day, Exported
from tests.support import settings

FIRST, SECOND = Exported(1, 3, 2**64 - 1), Exported(2, 9, 7)
NOTED = CheckNote(
    batch=1,
    days={"commerce": {"day=2026-01-01": Day("", "", [("2026-01-01 00:00:00", "mobile", 3)], 0)}},
    exported={"2026-01-01": FIRST},
)


class Database:
    """MySQL with that digest of the first day, and rows of two days; keeps what it was asked."""

    def __init__(self, first: Exported) -> None:
        self._digests = {date(2026, 1, 1): first, date(2026, 1, 2): SECOND}
        self._answer: list[tuple[object, ...]] = []
        self.asked: list[str] = []

    def cursor(self) -> Database:
        """It is its own cursor."""
        return self

    def close(self) -> None:
        """Nothing is left open."""

    def execute(self, statement: str) -> None:
        """Answer the two statements."""
        if statement == mysql_export.DIGESTS:
            self._answer = [(d, e.rows, Decimal(e.total), e.digest) for d, e in self._digests.items()]
            return
        self.asked.append(statement)
        rows = {1: ("2026-01-01 00:00:00", "mobile", 4), 2: ("2026-01-02 00:00:00", "Mobile", 9)}
        self._answer = [row for day, row in rows.items() if f"'2026-01-0{day}'" not in statement]

    def fetchall(self) -> list[tuple[object, ...]]:
        """What was asked for last."""
        return self._answer


def read(monkeypatch: pytest.MonkeyPatch, database: Database, before: CheckNote) -> Counter[tuple[str, str]]:
    """The export as a check finds it."""

    @contextmanager
    def connect(_: Settings) -> Iterator[Database]:
        yield database

    monkeypatch.setattr(mysql, "connect", connect)
    return mysql_export.read_exported(settings(), before)[0]


def test_without_a_note_all_rows_are_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(FIRST)
    assert read(monkeypatch, database, CheckNote()).total() == 13
    assert database.asked == [mysql_export.ROWS]


def test_a_day_with_the_noted_digest_is_taken_from_the_note(monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(FIRST)
    assert read(monkeypatch, database, NOTED) == {
        ("2026-01-01 00:00:00", "mobile"): 3,
        ("2026-01-02 00:00:00", "Mobile"): 9,
    }
    assert database.asked == [f"{mysql_export.ROWS} WHERE DATE(window_start) NOT IN ('2026-01-01')"]


@pytest.mark.parametrize(
    "changed", [Exported(1, 4, 2**64 - 1), Exported(2, 3, 2**64 - 1), Exported(1, 3, 1)], ids=["sum", "rows", "digest"]
)
def test_a_day_that_was_changed_is_fetched(monkeypatch: pytest.MonkeyPatch, changed: Exported) -> None:
    assert read(monkeypatch, Database(changed), NOTED)["2026-01-01 00:00:00", "mobile"] == 4


def test_only_a_day_that_is_exported_as_it_is_in_hive_is_noted() -> None:
    exported = Counter({("2026-01-01 00:00:00", "mobile"): 3, ("2026-01-02 00:00:00", "Mobile"): 9})
    digests = {"2026-01-01": FIRST, "2026-01-02": SECOND}
    commerce = dict(NOTED.days["commerce"])
    assert mysql_export.whole(exported, digests, commerce) == {"2026-01-01": FIRST}
    rows: list[tuple[str | int, ...]] = [("2026-01-02 00:00:00", "Mobile", 9), ("2026-01-02 00:05:00", "Mobile", 1)]
    commerce["day=2026-01-02"] = Day("", "", rows, 0)
    assert mysql_export.whole(exported, digests, commerce) == {"2026-01-01": FIRST}
    commerce["day=2026-01-02"] = Day("", "", rows[:1], 0)
    assert mysql_export.whole(exported, digests, commerce) == digests
