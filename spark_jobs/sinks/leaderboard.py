"""The leader board in MySQL: how often each user did what, in short windows."""

from __future__ import annotations

from collections.abc import Sequence

from eventmill.config.settings import Settings
from spark_jobs.sinks.mysql_upserts import upserts
from spark_jobs.sinks.parquet_tables import utc
from spark_jobs.state.cart_state import Score

UPSERT = """
INSERT INTO leader_board (window_start, window_end, userid, action, action_number)
VALUES (%s, %s, %s, %s, %s) AS new
ON DUPLICATE KEY UPDATE action_number = new.action_number
"""


def upsert(settings: Settings, scores: Sequence[Score]) -> None:
    """Set the numbers in MySQL, all or none.

    Raises:
        RefusedError: when it refuses users because of their names.
    """
    rows = [(utc(s.window_start), utc(s.window_end), s.userid, s.action, s.number) for s in scores]
    if rows:
        upserts(settings, UPSERT, key=2).put(rows)
