"""The demo's sample data, and the counts that it shows in the end."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from eventmill.config.atomic_files import staged
from eventmill.config.settings import Settings
from eventmill.databases import mysql
from eventmill.lake import committed_batches, webhdfs
from eventmill.text import svg_chart

FIRST_START = datetime(2026, 1, 1, tzinfo=UTC)
LONGEST_SPAN = timedelta(hours=6)
"""The event time that sample data covers at most."""

MICROSECONDS = 1_000_000


def demo_folder(settings: Settings) -> Path:
    """Folder of the demo's sample data and chart."""
    path = settings.state_dir / "demo"
    path.mkdir(parents=True, exist_ok=True)
    return path


def next_start(settings: Settings, pipeline: str = "clicks") -> datetime:
    """A start for sample data that makes none of it late: the day after the newest event that was counted, or the
    next full hour when that day hasn't begun.
    """
    batch = committed_batches.newest_batch(settings, pipeline)
    if batch is None:
        return FIRST_START
    state = webhdfs.read_json(settings, f"{committed_batches.states(pipeline)}/{batch}/state.json")
    newest = max((partition["newest"] for partition in state["progress"]["partitions"].values()), default=0)
    if newest / MICROSECONDS < FIRST_START.timestamp():
        return FIRST_START
    hour = datetime.fromtimestamp(newest / MICROSECONDS, UTC).replace(minute=0, second=0, microsecond=0)
    next_day = hour.replace(hour=0) + timedelta(days=1)
    return next_day if next_day <= datetime.now(UTC) else hour + timedelta(hours=1)


def late_share(start: datetime) -> str:
    """The share of late events in sample data from that time on: none where it may lie ahead.

    An event that lies ahead does not move the watermark far enough to make the planted ones late.
    """
    return "1%" if start + LONGEST_SPAN <= datetime.now(UTC) else "0%"


def export_from_shop(settings: Settings, data: Path) -> None:
    """Lay the file where the DAG's HTTP sensor looks for the shop's export."""
    target = settings.state_dir / "source" / "clicks.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    with data.open("rb") as file, staged(target) as copy:
        shutil.copyfileobj(file, copy)


def final_counts(settings: Settings) -> list[svg_chart.Row]:
    """The exported counts: start of the window in UTC, source, product views."""
    return _rows(settings, "SELECT window_start, source, source_number FROM commerce ORDER BY 1, 2")


def open_counts(settings: Settings) -> list[svg_chart.Row]:
    """The live counts of the windows that are still open."""
    query = "SELECT window_start, source, source_number FROM platform_counts_live WHERE closed = 0 ORDER BY 1, 2"
    return _rows(settings, query)


def _rows(settings: Settings, query: str) -> list[svg_chart.Row]:
    with mysql.connect(settings) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(query)
        return [(start, source, int(count)) for start, source, count in cursor.fetchall()]
