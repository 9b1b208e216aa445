"""Carts: the leader board of who does most in the shop, from MySQL."""

from __future__ import annotations

from datetime import UTC, timedelta

import pandas as pd
import streamlit as st

from dashboard import answers, charts, panel
from eventmill.databases.leaderboard import Leaderboard

HINT = "What shoppers do brings them: `eventmill jobs start`, `eventmill send carts FILE`."
SPANS = {"1 minute": timedelta(minutes=1), "10 minutes": timedelta(minutes=10), "1 hour": timedelta(hours=1)}
TOP = 10


def page() -> None:
    """The page of the carts pipeline."""
    st.header("Carts", anchor=False)
    leader_board()


@st.fragment(run_every=answers.REFRESH)
def leader_board() -> None:
    """Who did most in the newest windows."""
    with panel.panel("Leader board", HINT):
        span = st.segmented_control("Last", list(SPANS), default="10 minutes", required=True)
        board = answers.board(SPANS[str(span)], TOP)
        if board is None:
            panel.empty(f"No user did anything yet. {HINT}")
            return
        panel.show_newest(board.end.replace(tzinfo=UTC))
        rows = leaders(board)
        left, right = st.columns([3, 2])
        with left:
            panel.show_chart(charts.bars(rows, "user", "actions"), "actions by user")
        with right:
            panel.table(rows)


def leaders(board: Leaderboard) -> pd.DataFrame:
    """A row a leader, in the board's order."""
    rows = [
        (rank, leader.userid, leader.actions, leader.carts, leader.orders)
        for rank, leader in enumerate(board.leaders, 1)
    ]
    return pd.DataFrame(rows, columns=["rank", "user", "actions", "put into the cart", "orders"])
