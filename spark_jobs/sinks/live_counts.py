"""The live view: current counts of the open windows, and of those just closed, to MySQL and to the console."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from rich.table import Table

from eventmill.config.settings import Settings
from eventmill.text.terminal import Console
from spark_jobs.processing.window_aggregation import Count
from spark_jobs.sinks.mysql_upserts import upserts
from spark_jobs.sinks.parquet_tables import utc, utc_time

SHOWN = 20
log = logging.getLogger(__name__)
UPSERT = """
INSERT INTO platform_counts_live (window_start, window_end, source, source_number, closed)
VALUES (%s, %s, %s, %s, %s) AS new
ON DUPLICATE KEY UPDATE source_number = new.source_number, closed = new.closed
"""


def upsert(settings: Settings, counts: Sequence[Count], closed: int) -> None:
    """Set the counts in MySQL, all or none; windows that end by `closed` (microseconds since the epoch) are final.

    Raises:
        RefusedError: when it refuses sources because of their names.
    """
    rows = [(utc(c.window_start), utc(c.window_end), c.source, c.number, c.window_end <= closed) for c in counts]
    if rows:
        upserts(settings, UPSERT, key=2).put(rows)


def show_or_warn(console: Console, counts: Sequence[Count], batch: int) -> None:
    """As `show_counts`, but a console that cannot show them is only logged: the counts are in MySQL."""
    try:
        show_counts(console, counts, batch)
    except Exception as error:
        log.warning("the live view of batch %d cannot be shown: %s", batch, error)


def show_counts(console: Console, counts: Sequence[Count], batch: int) -> None:
    """Print the counts that a batch changed, largest first."""
    changed = sorted((c for c in counts if c.new), key=lambda c: (-c.number, c.window_start, c.source))
    table = Table("window start", "window end", "source", "views", title=f"batch {batch}", title_justify="left")
    for count in changed[:SHOWN]:
        times = (f"{utc_time(micros):%Y-%m-%d %H:%M:%S}" for micros in (count.window_start, count.window_end))
        table.add_row(*times, count.source, str(count.number))
    if len(changed) > SHOWN:
        table.caption = f"and {len(changed) - SHOWN} more"
    console.print(table)
