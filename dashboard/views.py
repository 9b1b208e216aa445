"""The panel of what was looked at most, from Cassandra: products for clicks, orders for orders."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from dashboard import answers, charts, frames, panel
from eventmill.databases.view_counts import Table

SPANS = {"1 hour": timedelta(hours=1), "6 hours": timedelta(hours=6), "24 hours": timedelta(hours=24)}
MOST = 10


def panel_of(title: str, table: Table, noun: str, hint: str) -> None:
    """The table's largest numbers over the newest windows."""
    with panel.panel(title, hint):
        span = st.segmented_control("Last", list(SPANS), default="6 hours", required=True, key=f"span-of-{noun}s")
        found = answers.recent_views(table, SPANS[str(span)])
        if found is None:
            panel.empty(f"No looks yet. {hint}")
            return
        panel.show_newest(found.end)
        most = frames.top(found.numbers, noun, "views", MOST)
        all_looks, all_names = st.columns(2)
        all_looks.metric("Looks", f"{found.numbers.total():,}")
        all_names.metric(f"{noun.capitalize()}s", f"{len(found.numbers):,}")
        panel.show_chart(charts.bars(most, noun, "views"), f"views by {noun}")
