"""Orders: those of each day, from Presto, and those that users look up, from Cassandra."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import streamlit as st

from dashboard import charts, frames, panel, views
from dashboard.answers import REFRESH, ask_seldom
from eventmill.databases import newest, view_counts

HINT = "Customers bring them: `eventmill jobs start`, `eventmill shop run`."
TABLES = "`eventmill tables orders` makes the tables and lets Hive find new days."
DAYS = 60


def page() -> None:
    """The page of the orders pipeline."""
    st.header("Orders", anchor=False)
    by_day()
    looked_up()


@st.fragment(run_every=REFRESH, parallel=True)
def by_day() -> None:
    """Orders and the users who placed them, by day."""
    with panel.panel("Orders per day", TABLES):
        rows = frames.frame(ask_seldom("orders-by-day")).rename(columns={"ordered_on": "day"})
        if rows.empty:
            panel.empty(f"No orders yet. {HINT} {TABLES}")
            return
        shown = newest_days(rows)
        last = shown.iloc[-1]
        st.caption(f"newest day with orders: {last['day']} ({days_ago(last['day'], datetime.now(UTC))})")
        left, right = st.columns(2)
        left.metric("Orders on the newest day", f"{last['orders']:,}")
        right.metric("Users who ordered", f"{last['users']:,}")
        panel.show_chart(charts.by_day(shown, "orders"), "orders by day")
        if missing := int(rows["orders"].sum() - shown["orders"].sum()):
            st.caption(f"{missing:,} orders are of other days: {rows['day'].iloc[0]} to {rows['day'].iloc[-1]}")


def newest_days(rows: pd.DataFrame) -> pd.DataFrame:
    """The days with orders among the newest; a few orders with an odd date do not decide which these are."""
    last = newest.day(dict(zip(rows["day"], rows["orders"], strict=True)))
    first = (date.fromisoformat(str(last)) - timedelta(days=DAYS - 1)).isoformat()
    return rows[(rows["day"] >= first) & (rows["day"] <= last)]


def days_ago(day: str, now: datetime) -> str:
    """Age of a day, in words."""
    number = (now.date() - date.fromisoformat(day)).days
    if number < 0:
        return "ahead of this machine's clock"
    return "today" if number == 0 else f"{number} day{'s' if number > 1 else ''} ago"


@st.fragment(run_every=REFRESH, parallel=True)
def looked_up() -> None:
    """The orders that were looked up most while they were not delivered."""
    views.panel_of("Orders looked up most", view_counts.ORDERS, "order", HINT)
