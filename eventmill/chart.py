"""A chart of counts per platform over time, as an SVG image."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Row = tuple[datetime, str, int]


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw the rows (start of the window in UTC, source, count): left by time, stacked, right the totals by source."""
    totals: dict[str, int] = defaultdict(int)
    for _, source, count in rows:
        totals[source] += count
    sources = sorted(totals, key=lambda source: (-totals[source], source))
    # Text stays text, so that a browser's fonts show every script, and needs no glyphs here.
    with mpl.rc_context({"svg.fonttype": "none", "date.converter": "concise"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(11, 4.5), layout="constrained")
        over_time, by_source = figure.subplots(1, 2, width_ratios=(2, 1))
        _draw_over_time(over_time, rows, sources)
        _draw_totals(by_source, sources, totals)
        figure.savefig(path)


def _draw_over_time(axes: Axes, rows: Sequence[Row], sources: list[str]) -> None:
    windows = sorted({window for window, _, _ in rows})
    counts = {(window, source): count for window, source, count in rows}
    series = [[counts.get((window, source), 0) for window in windows] for source in sources]
    axes.stackplot(windows, series, labels=sources)  # type: ignore[arg-type]
    axes.set_title("Product views per window, by source")
    axes.set_xlabel("start of the window, UTC")
    axes.margins(x=0)


def _draw_totals(axes: Axes, sources: list[str], totals: dict[str, int]) -> None:
    bars = axes.barh(sources, [totals[source] for source in sources], color=[f"C{i}" for i in range(len(sources))])
    axes.bar_label(bars, fmt="{:,.0f}", padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.set_title("Total by source")
