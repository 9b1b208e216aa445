"""The leader board: which span of time it covers, and what it asks."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

import pytest

from eventmill.databases import leaderboard, mysql
from eventmill.databases.leaderboard import Leader, Leaderboard
from tests.support import settings

NOON = datetime(2026, 3, 1, 12)


class Database:
    """Windows of five seconds, and one user who did something in each."""

    def __init__(self, starts: list[datetime]) -> None:
        self.starts = starts
        self._rows: list[tuple[Any, ...]] = []

    def cursor(self) -> Database:
        """As mysql.connector's."""
        return self

    def close(self) -> None:
        """As mysql.connector's."""

    def execute(self, statement: str, given: tuple[Any, ...]) -> None:
        """Answer one of the two questions."""
        if statement == leaderboard.NEWEST:
            self._rows = [(start,) for start in sorted(self.starts, reverse=True)]
        else:
            begin, end, _ = given
            self._rows = [("user-1", sum(begin <= start < end for start in self.starts), 0, 0)]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """The answer."""
        return self._rows


def board(monkeypatch: pytest.MonkeyPatch, starts: list[datetime], span: timedelta) -> Leaderboard | None:
    monkeypatch.setattr(mysql, "connect", lambda *_: nullcontext(Database(starts)))
    return leaderboard.top_users(settings(), span, 10)


def test_an_action_with_an_odd_date_does_not_decide_the_span(monkeypatch: pytest.MonkeyPatch) -> None:
    starts = [NOON - number * timedelta(seconds=5) for number in range(1, 721)]
    minute = timedelta(minutes=1)
    expected = Leaderboard(NOON - minute, NOON, (Leader("user-1", 12, 0, 0),))
    assert board(monkeypatch, starts, minute) == expected
    assert board(monkeypatch, [datetime(2038, 1, 19), *starts], minute) == expected


def test_without_windows_there_is_no_board(monkeypatch: pytest.MonkeyPatch) -> None:
    assert board(monkeypatch, [], timedelta(minutes=1)) is None
