"""Visits: who looked at which product pages on a day, from the star schema in PostgreSQL."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import charts, frames, panel
from dashboard.answers import REFRESH, ask, ask_at_times
from eventmill.databases import newest
from eventmill.text.printable import visible

HINT = "Page logs bring them: `eventmill up forwarder`, `eventmill jobs start`, `eventmill send visits FILE`."
PLACES = "Places: [IP Geolocation by DB-IP](https://db-ip.com), CC BY 4.0"
PICKED_FROM = "1000"
"""Number of countries and products to pick from; any other product can be typed."""

STORES = 15
SYSTEMS = 8
"""Number of rows that are drawn; a table has all of them."""


def page() -> None:
    """The page of the six reports."""
    st.header("Visits", anchor=False)
    reports()
    st.caption(PLACES)


@st.fragment(run_every=REFRESH)
def reports() -> None:
    """The reports on the day that is picked, at first the newest one where most data are."""
    day, rows = "", pd.DataFrame()
    with panel.panel("Product pages", HINT):
        days = frames.frame(ask_at_times("visit-days"))
        if days.empty:
            panel.empty(f"No views yet. {HINT}")
            return
        day = pick_day(days)
        rows = frames.frame(ask("browsers-by-hour", day=day))
        if not rows.empty:
            summary(rows)
    if not rows.empty:
        of_day(day, rows)


def of_day(day: str, rows: pd.DataFrame) -> None:
    """The panels of a day that has views."""
    left, right = st.columns(2)
    with left, panel.panel("Top 10 products"):
        draw(frames.frame(ask("top-products", day=day)), "product_id")
    with right, panel.panel("Top 10 countries"):
        draw(frames.frame(ask("top-countries", day=day)), "country")
    left, right = st.columns(2)
    with left, panel.panel("Top 5 referrers"):
        draw(frames.frame(ask("top-referrers", day=day)), "referrer")
    with left, panel.panel("A product by hour"):
        product(day)
    with right, panel.panel("Stores by country"):
        stores(day)
    with panel.panel("Browsers and systems by hour"):
        systems(day, rows)


def pick_day(days: pd.DataFrame) -> str:
    """The picked day in ISO, of those that have views."""
    numbers = {str(day): int(number) for day, number in zip(days["day"], days["views"], strict=True)}
    first, listed = str(newest.day(numbers)), sorted(numbers, reverse=True)
    # What was picked stays until data have come to a new day.
    picked = st.selectbox(
        "Day (UTC)",
        listed,
        index=listed.index(first),
        format_func=lambda day: f"{day}: {numbers.get(day, 0):,} views",
        key=f"day-{first}",
        width=300,
    )
    panel.show_newest(frames.parse_time(days.loc[days["day"] == picked, "viewed_at"].max()))
    return picked


def summary(rows: pd.DataFrame) -> None:
    """The day in numbers."""
    hours = frames.by_hour(rows)
    busiest = hours.loc[hours["views"].idxmax()]
    total, most = st.columns(2)
    total.metric("Views", f"{rows['views'].sum():,}")
    most.metric("Busiest hour (UTC)", f"{busiest['hour']:02}:00, {busiest['views']:,} views")


def draw(rows: pd.DataFrame, name: str) -> None:
    """Bars of views by what a column names."""
    noun = name.removesuffix("_id")
    panel.show_chart(charts.bars(rows.rename(columns={name: noun}), noun, "views"), f"views by {noun}")


def stores(day: str) -> None:
    """The stores of the country that is picked, by their views."""
    countries = frames.frame(ask("top-countries", day=day, top=PICKED_FROM))["country"].tolist()
    country = st.selectbox("Country", countries, format_func=visible, key="country")
    rows = frames.frame(ask("stores-by-country", day=day, country=country))
    shown = rows.head(STORES)
    draw(shown.assign(store="store " + shown["store_id"]), "store")
    if len(rows) > len(shown):
        with st.expander(f"All {len(rows)} stores"):
            panel.table(rows[["store_id", "views"]])


def product(day: str) -> None:
    """The hours of the product that is picked or typed."""
    known = frames.frame(ask("top-products", day=day, top=PICKED_FROM))["product_id"].tolist()
    picked = st.selectbox("Product", known, accept_new_options=True, format_func=visible, key="product", width=300)
    rows = frames.frame(ask("products-by-hour", day=day, product=str(picked)))
    if rows.empty:
        panel.empty(f"No views of product {panel.code(str(picked))} on {day} (UTC).")
    else:
        panel.show_chart(charts.by_hour(frames.by_hour(rows), day), f"views of product {visible(str(picked))} by hour")


def systems(day: str, rows: pd.DataFrame) -> None:
    """The hours by browser and by operating system, and by both in a table."""
    left, right = st.columns(2)
    for place, column, name in ((left, "browser", "Browser"), (right, "os", "Operating system")):
        with place:
            st.markdown(f"**{name}**")
            chart = charts.by_hour_and(frames.by_hour_and(rows, column, SYSTEMS), column, day)
            panel.show_chart(chart, f"views by hour and {column}")
    with st.expander("Browser and operating system by hour"):
        panel.table(frames.table_by_hour(rows, "browser", "os"))
