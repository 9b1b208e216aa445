"""Answers of the engines, each kept for some seconds for all readers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

import streamlit as st

from eventmill.config import settings
from eventmill.databases import leaderboard, named_queries, query_engines, view_counts

REFRESH = timedelta(seconds=10)
"""Seconds between two questions of a page."""

KEPT = timedelta(seconds=5)
KEPT_A_WHILE = timedelta(seconds=20)
KEPT_LONG = timedelta(seconds=60)
"""Seconds for which an answer is kept, one that costs more, and one that costs much."""


@dataclass(frozen=True)
class ViewRows:
    """Views of each product or order, from one time to the other, in UTC."""

    begin: datetime
    end: datetime
    numbers: Counter[str]


@st.cache_data(ttl=KEPT, max_entries=500, show_spinner=False)
def ask(name: str, **given: str) -> query_engines.QueryResult:
    """The answer to a named query, of the first engine that can give it."""
    return _ask(name, **given)


@st.cache_data(ttl=KEPT_A_WHILE, max_entries=100, show_spinner=False)
def ask_at_times(name: str) -> query_engines.QueryResult:
    """As `ask`, for what reads all keys of a table."""
    return _ask(name)


@st.cache_data(ttl=KEPT_LONG, max_entries=100, show_spinner=False)
def ask_seldom(name: str) -> query_engines.QueryResult:
    """As `ask`, for what reads whole tables."""
    return _ask(name)


def _ask(name: str, **given: str) -> query_engines.QueryResult:
    query = named_queries.query(name)
    return query.ask(settings.load(), query.engines[0], **given)


@st.cache_data(ttl=KEPT, max_entries=100, show_spinner=False)
def board(span: timedelta, top: int) -> leaderboard.Leaderboard | None:
    """The leader board of the newest windows; None when no user did anything yet."""
    return leaderboard.top_users(settings.load(), span, top)


@st.cache_data(ttl=KEPT, max_entries=100, show_spinner=False)
def recent_views(table: view_counts.Table, span: timedelta) -> ViewRows | None:
    """The looks of the newest windows that cover that span; None when nobody looked yet."""
    end = newest_end(table, span)
    if end is None:
        return None
    return ViewRows(end - span, end, view_counts.views_between(settings.load(), table, end - span, end))


@st.cache_data(ttl=REFRESH, max_entries=10, show_spinner=False)
def newest_end(table: view_counts.Table, span: timedelta) -> datetime | None:
    """When the newest span with looks ends."""
    return view_counts.newest_end(settings.load(), table, span)
