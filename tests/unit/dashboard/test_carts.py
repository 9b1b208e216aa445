"""The page of carts: the leader board as the engine has it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from eventmill.databases import leaderboard
from eventmill.databases.leaderboard import Leader, Leaderboard
from tests.unit.dashboard.support import Engines, charts_of, page_of, words_of

END = datetime(2026, 3, 1, 12)


def board(_settings: Any, span: timedelta, top: int) -> Leaderboard:
    """Two leaders, with as many actions as the span has minutes."""
    assert top == 10
    actions = span // timedelta(minutes=1)
    return Leaderboard(END - span, END, (Leader("user-2", actions, 3, 1), Leader("user-1", actions - 1, 0, 0)))


def test_the_board_is_in_the_engines_order(engines: Engines) -> None:
    engines.set(leaderboard, "top_users", board)
    page = page_of("carts")
    assert charts_of(page)["actions by user"][0]["actions"] == 10
    table = page.dataframe[0].value
    assert table["user"].tolist() == ["user-2", "user-1"]
    assert table["rank"].tolist() == [1, 2]
    assert table.iloc[0][["put into the cart", "orders"]].tolist() == [3, 1]
    assert "newest data: 2026-03-01 12:00:00 UTC" in words_of(page)
    page.button_group[0].set_value("1 hour").run()
    assert page.dataframe[0].value["actions"].tolist() == [60, 59]


def test_no_board_says_what_to_start(engines: Engines) -> None:
    engines.set(leaderboard, "top_users", lambda *_: None)
    assert "`eventmill send carts FILE`" in words_of(page_of("carts"))
