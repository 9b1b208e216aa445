"""Orders: those of each day, from Presto, and those that users look up, from Cassandra."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from dashboard import charts, frames, looks, panel
from dashboard.answers import REFRESH, ask_seldom
from eventmill import views

HINT = "Customers bring them: `eventmill jobs start`, `eventmill shop run`."
TABLES = "`eventmill tables orders` makes the tables and lets Hive find new days."
DAYS = 60


def page() -> None:
    """The page of the orders line."""
    st.header("Orders", anchor=False)
    by_day()
    looked_up()


@st.fragment(run_every=REFRESH, parallel=True)
def by_day() -> None:
    """Orders and the users who placed them, by day."""
    with panel.panel("Orders per day", TABLES):
        rows = newest_days(frames.frame(ask_seldom("orders-by-day")))
        if rows.empty:
            panel.empty(f"No orders yet. {HINT} {TABLES}")
            return
        st.caption(f"newest day with orders: {rows['day'].iloc[-1]} ({days_ago(rows, datetime.now(UTC))})")
        left, right = st.columns(2)
        left.metric("Orders on the newest day", f"{rows['orders'].iloc[-1]:,}")
        right.metric("Users who ordered", f"{rows['users'].iloc[-1]:,}")
        panel.draw(charts.by_day(rows, "orders"), "orders by day")


def newest_days(rows: pd.DataFrame) -> pd.DataFrame:
    """The newest days that have orders."""
    return rows.rename(columns={"ordered_on": "day"}).tail(DAYS)


def days_ago(rows: pd.DataFrame, now: datetime) -> str:
    """How long ago the newest day is, in words."""
    newest = frames.moment(str(rows["day"].iloc[-1])).date()
    number = (now.date() - newest).days
    return "today" if number == 0 else f"{number} day{'s' if number > 1 else ''} ago"


@st.fragment(run_every=REFRESH, parallel=True)
def looked_up() -> None:
    """The orders that were looked up most while they were not delivered."""
    looks.panel_of("Orders looked up most", views.ORDERS, "order", HINT)
