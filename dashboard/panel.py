"""Parts that all panels share: their frame, the age of their data, and one sentence where an engine is away."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd
import requests
import streamlit as st

from dashboard import charts, frames
from eventmill.config import errors, settings
from eventmill.databases import cassandra, mysql, postgres
from eventmill.text.printable import visible

ON_LIGHT, ON_DARK = "#31333f", "#fafafa"
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineState:
    """An engine that is asked: its name, its service, and whether an error says that it is away."""

    name: str
    service: str
    is_away: Callable[[BaseException], bool]


def _no_answer(error: BaseException) -> bool:
    return isinstance(error, requests.ConnectionError | requests.Timeout)


ENGINES = (
    EngineState("PostgreSQL", "postgres", postgres.is_away),
    EngineState("MySQL", "mysql", mysql.is_away),
    EngineState("Cassandra", "cassandra", cassandra.is_away),
    EngineState("Presto", "presto", _no_answer),
)


@contextmanager
def panel(title: str, hint: str = "") -> Iterator[None]:
    """A panel; an engine that is away, or refuses, is told in it in one sentence, and with the hint what to start."""
    with st.container(border=True, height="stretch"):
        st.subheader(title, anchor=False)
        try:
            yield
        except Exception as error:
            if (sentence := error_sentence(error, hint)) is None:
                raise
            LOG.warning("%s: %s", title, error)
            st.warning(sentence, icon=":material/cloud_off:")


def error_sentence(error: Exception, hint: str) -> str | None:
    """The error as a reader needs it, None for one that nobody foresaw."""
    for engine in ENGINES:
        if engine.is_away(error):
            return f"{engine.name} does not answer. Start it with {start_hint(engine.service)}."
    sentence = errors.explain(error)
    return sentence and f"{sentence}. {hint}".rstrip()


def start_hint(service: str) -> str:
    """The command that starts a service."""
    by_compose = settings.load().services_by == "compose"
    return f"`docker compose up -d {service}`" if by_compose else f"`eventmill up {service}`"


def empty(hint: str) -> None:
    """Say that there is nothing yet, and what brings it."""
    st.info(hint, icon=":material/hourglass_empty:")


def show_newest(found: datetime) -> None:
    """Say how old the newest data is."""
    st.caption(frames.newest_sentence(found, datetime.now(UTC)))


def table(rows: pd.DataFrame) -> None:
    """Show rows as text: Streamlit would take that of `st.table` for Markdown."""
    st.dataframe(frames.shown(rows), hide_index=True, height="content")


def code(text: str) -> str:
    """The text for a place that takes Markdown, as code: nothing in it is marked up."""
    seen = visible(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", seen)), default=0) + 1)
    return f"{fence} {seen} {fence}" if "`" in seen or seen != seen.strip() else f"{fence}{seen}{fence}"


def show_chart(chart: charts.Chart, alt_text: str) -> None:
    """Show a chart as wide as its panel, with numbers that can be read on its ground: Vega's are black."""
    colour = ON_DARK if st.context.theme.type == "dark" else ON_LIGHT
    st.altair_chart(chart.configure_text(color=colour), width="stretch", alt=alt_text)
