"""Clicks: which platforms shoppers come from, from MySQL, and what they look at, from Cassandra."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import charts, frames, looks, panel
from dashboard.answers import REFRESH, ask
from eventmill import views

HINT = "Product views bring them: `eventmill jobs start`, `eventmill send clicks FILE`."


def page() -> None:
    """The page of the clicks line."""
    st.header("Clicks", anchor=False)
    platforms()
    products()


@st.fragment(run_every=REFRESH, parallel=True)
def platforms() -> None:
    """The newest windows, by platform."""
    with panel.panel("Platforms in the last windows", HINT):
        rows = frames.frame(ask("live-platforms"))
        if rows.empty:
            panel.empty(f"No windows yet. {HINT}")
            return
        panel.newest(frames.moment(rows["updated_at"].max()))
        left, right = st.columns([3, 2])
        with left:
            panel.draw(charts.by_window(by_window(rows), "source"), "product views by window and platform")
        with right:
            panel.draw(charts.bars(by_platform(rows), "source", "views"), "product views by platform")


def by_window(rows: pd.DataFrame) -> pd.DataFrame:
    """The windows as a chart wants them: when each starts, and whether its counts are final."""
    starts = pd.to_datetime(rows["window_start"])
    # The day is only in the way where all windows are of one.
    form = "%H:%M:%S" if starts.dt.date.nunique() == 1 else "%m-%d %H:%M:%S"
    state = rows["closed"].map({1: "final", 0: "open"})
    return rows[["source", "views"]].assign(window=starts.dt.strftime(form), state=state)


def by_platform(rows: pd.DataFrame) -> pd.DataFrame:
    """The views of all windows, by platform."""
    totals = rows.groupby("source")["views"].sum()
    return frames.top({str(source): int(total) for source, total in totals.items()}, "source", "views", len(totals))


@st.fragment(run_every=REFRESH, parallel=True)
def products() -> None:
    """The products that were looked at most."""
    looks.panel_of("Most viewed products", views.PRODUCTS, "product", HINT)
