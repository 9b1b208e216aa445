"""Charts as SVG images: counts per platform over time, and bars."""

from __future__ import annotations

import io
import re
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eventmill.text.printable import visible

Row = tuple[datetime, str, int]
STYLE: dict[Any, object] = {
    # Text stays text, so that a browser's fonts show every script, and needs no glyphs here.
    "svg.fonttype": "none",
    # Names come from data: a `$` in them is no formula.
    "text.parse_math": False,
    "date.converter": "concise",
    # The same rows give the same bytes.
    "svg.hashsalt": "eventmill",
}


def draw_counts(rows: Sequence[Row], path: Path) -> None:
    """Draw the rows (start of the window in UTC, source, count): left by time, stacked, right the totals by source."""
    totals: dict[str, int] = defaultdict(int)
    for _, source, count in rows:
        totals[source] += count
    sources = sorted(totals, key=lambda source: (-totals[source], source))
    with _style():
        figure = Figure(figsize=(11, 4.5), layout="constrained")
        over_time, by_source = figure.subplots(1, 2, width_ratios=(2, 1))
        _draw_over_time(over_time, rows, sources)
        totals_by_name = [(visible(source), totals[source]) for source in sources]
        _draw_bars(by_source, totals_by_name, [f"C{i}" for i in range(len(sources))])
        by_source.set_title("Total by source")
        _save(figure, path)


def bar_chart(values: Sequence[tuple[str, float]], unit: str) -> str:
    """An SVG image of one bar a value, the first on top; `unit` says what is counted."""
    with _style():
        figure = Figure(figsize=(8, 1 + 0.3 * len(values)), layout="constrained")
        axes = figure.subplots()
        _draw_bars(axes, values, "C0")
        axes.set_xlabel(unit)
        image = io.BytesIO()
        _save(figure, image)
    return image.getvalue().decode()


def inline(image: str) -> str:
    """An SVG image as an element of an HTML page: without its XML head, and without the ids that all images share."""
    return re.sub(r'<g id="\w+_\d+">', "<g>", image[image.index("<svg") :])


@contextmanager
def _style() -> Iterator[None]:
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _save(figure: Figure, target: Path | BinaryIO) -> None:
    figure.savefig(target, format="svg", metadata={"Date": None})


def _draw_over_time(axes: Axes, rows: Sequence[Row], sources: list[str]) -> None:
    windows = sorted({window for window, _, _ in rows})
    counts = {(window, source): count for window, source, count in rows}
    series = [[counts.get((window, source), 0) for window in windows] for source in sources]
    axes.stackplot(windows, series, labels=sources)  # type: ignore[arg-type]
    axes.set_title("Product views per window, by source")
    axes.set_xlabel("start of the window, UTC")
    axes.margins(x=0)


def _draw_bars(axes: Axes, values: Sequence[tuple[str, float]], color: str | list[str]) -> None:
    places = range(len(values))
    drawn = axes.barh(places, [number for _, number in values], color=color)
    axes.set_yticks(places, labels=[name for name, _ in values])
    axes.bar_label(drawn, fmt="{:,.0f}", padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.2)
