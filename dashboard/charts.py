"""Charts of frames: bars below each other, and columns over time, some of parts."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from dashboard.frames import HOURS, OTHER, shown

Chart = alt.Chart | alt.LayerChart

BAR, EDGES = 26, 22
"""Height of a bar with its pause, and of the edges above and below all bars."""

LABEL, LEGEND_LABEL = 160, 110
"""Widths of a name beside its bar, and in a legend, in pixels: two of the latter fit a phone."""

COLOUR = "#1f6feb"
HEIGHT = 260
LEGEND, ENTRY, ENTRIES = 100, 20, 2
"""Height of a chart, of what is around the legend below one of parts, and of a row of it, which has two entries."""


def bars(frame: pd.DataFrame, name: str, number: str) -> Chart:
    """One bar a row, in the frame's order, with its number beside it."""
    # Room for the number of the longest bar.
    room = alt.Scale(domainMin=0, domainMax=float(frame[number].max()) * 1.18)
    base = alt.Chart(shown(frame), height=BAR * len(frame) + EDGES).encode(
        y=alt.Y(f"{name}:N", sort=None, title=None, axis=alt.Axis(labelLimit=LABEL, ticks=False, domain=False)),
        x=alt.X(f"{number}:Q", axis=None, scale=room),
        tooltip=[name, alt.Tooltip(f"{number}:Q", format=",")],
    )
    drawn: alt.Chart = base.mark_bar(color=COLOUR, cornerRadiusEnd=2, height={"band": 0.7})
    # The bars say their numbers to those who do not see them.
    numbers: alt.Chart = base.mark_text(align="left", dx=4, aria=False).encode(text=alt.Text(f"{number}:Q", format=","))
    return alt.LayerChart(layer=[drawn, numbers])


def by_hour(frame: pd.DataFrame, day: str) -> Chart:
    """A column an hour of the day."""
    return _columns(frame, _hours(day), "views", color=COLOUR)


def by_hour_and(frame: pd.DataFrame, by: str, day: str) -> Chart:
    """A column an hour of the day, of parts by another of the frame's columns."""
    return _stacked(frame, by, _hours(day))


def by_window(frame: pd.DataFrame, by: str, day: str) -> Chart:
    """A column a window, of parts; counts of open windows are lighter. `day` is that of all windows, if it is one."""
    opacity = alt.Opacity("state:O", scale=alt.Scale(domain=["final", "open"], range=[1, 0.5]), legend=None)
    title = f"start of the window, {day} UTC" if day else "start of the window, UTC"
    return _stacked(frame, by, _x("window", title, -45), opacity=opacity)


def by_day(frame: pd.DataFrame, number: str) -> Chart:
    """A column a day."""
    return _columns(frame, _x("day", "day, UTC", -45), number, color=COLOUR, size=30)


def _hours(day: str) -> alt.X:
    return _x("hour", f"hour of {day}, UTC", 0, scale=alt.Scale(domain=list(HOURS)))


def _x(name: str, title: str, angle: int, **more: Any) -> alt.X:
    return alt.X(f"{name}:O", title=title, axis=alt.Axis(labelAngle=angle), **more)


def _stacked(rows: pd.DataFrame, by: str, x: alt.X, **more: Any) -> alt.Chart:
    frame = shown(rows)
    order = frame.groupby(by)["views"].sum().sort_values(ascending=False, kind="stable").index.tolist()
    order.sort(key=lambda name: str(name).startswith(OTHER))
    ranked = frame.assign(rank=frame[by].map({value: rank for rank, value in enumerate(order, 1)}))
    colour = alt.Color(
        f"{by}:N",
        scale=alt.Scale(domain=order, scheme="tableau20"),
        legend=alt.Legend(title=None, orient="bottom", columns=ENTRIES, labelLimit=LEGEND_LABEL, symbolLimit=0),
    )
    chart: alt.Chart = _columns(ranked, x, "views").encode(color=colour, order=alt.Order("rank:Q"), **more)
    return chart.properties(height=HEIGHT + LEGEND + ENTRY * -(-len(order) // ENTRIES))


def _columns(frame: pd.DataFrame, x: alt.X, number: str, **look: Any) -> alt.Chart:
    chart: alt.Chart = alt.Chart(frame, height=HEIGHT).mark_bar(cornerRadiusEnd=2, **look)
    return chart.encode(
        x=x,
        y=alt.Y(f"{number}:Q", title=None, axis=alt.Axis(format=",d", tickMinStep=1)),
        tooltip=[column for column in frame.columns if column != "rank"],
    )
