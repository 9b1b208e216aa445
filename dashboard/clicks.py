"""Clicks: which platforms shoppers come from, from MySQL, and what they look at, from Cassandra."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import charts, frames, panel, views
from dashboard.answers import REFRESH, ask
from eventmill.databases import view_counts

MOST = 10
"""Number of platforms that are shown by themselves."""

DAY = len("2026-03-01")
HINT = "Product views bring them: `eventmill jobs start`, `eventmill send clicks FILE`."


def page() -> None:
    """The page of the clicks pipeline."""
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
        panel.show_newest(frames.parse_time(rows["updated_at"].max()))
        left, right = st.columns([3, 2])
        with left:
            chart = charts.by_window(by_window(rows), "source", only_day(rows))
            panel.show_chart(chart, "product views by window and platform")
        with right:
            panel.show_chart(charts.bars(by_platform(rows), "source", "views"), "product views by platform")


def by_window(rows: pd.DataFrame) -> pd.DataFrame:
    """The windows as a chart wants them: when each starts, whether its counts are final, and the largest platforms."""
    # The day is only in the way where all windows are of one: then the chart's title has it.
    window = rows["window_start"].str.slice(DAY if only_day(rows) else 0).str.strip()
    state = rows["closed"].map({1: "final", 0: "open"})
    named = frames.with_other(rows[["source", "views"]].assign(window=window, state=state), "source", MOST)
    return named.groupby(["window", "source", "state"], sort=False)["views"].sum().reset_index()


def only_day(rows: pd.DataFrame) -> str:
    """The day of all windows, in ISO; empty when they are of several."""
    days = rows["window_start"].str.slice(0, DAY).unique()
    return str(days[0]) if len(days) == 1 else ""


def by_platform(rows: pd.DataFrame) -> pd.DataFrame:
    """The views of all windows, by platform; the small ones together."""
    totals = rows.groupby("source")["views"].sum()
    numbers = {str(source): int(total) for source, total in totals.items()}
    return frames.top_and_other(numbers, "source", "views", MOST)


@st.fragment(run_every=REFRESH, parallel=True)
def products() -> None:
    """The products that were looked at most."""
    views.panel_of("Most viewed products", view_counts.PRODUCTS, "product", HINT)
