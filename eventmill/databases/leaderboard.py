"""The leader board: who did most in the shop in the newest windows."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from eventmill.config.settings import Settings
from eventmill.databases import mysql, newest

MOST_WINDOWS = 50_000
NEWEST = "SELECT DISTINCT window_start FROM leader_board ORDER BY window_start DESC LIMIT %s"
LEADERS = """
SELECT userid, SUM(action_number) AS actions, SUM(IF(action = 'SHOPPING_CART', action_number, 0)) AS carts,
  SUM(IF(action = 'ORDER', action_number, 0)) AS orders
FROM leader_board
WHERE window_start >= %s AND window_start < %s
GROUP BY userid
ORDER BY actions DESC, orders DESC, carts DESC, userid
LIMIT %s
"""


@dataclass(frozen=True)
class Leader:
    """A user with the number of all actions, of products put into the cart, and of orders."""

    userid: str
    actions: int
    carts: int
    orders: int


@dataclass(frozen=True)
class Leaderboard:
    """The leaders, first the one with most actions, from one time to the other, in UTC."""

    begin: datetime
    end: datetime
    leaders: tuple[Leader, ...]


def top_users(settings: Settings, span: timedelta, top: int) -> Leaderboard | None:
    """The leaders of the newest span of event time, by `newest.end_of_newest`; None when no user did anything yet."""
    with mysql.connect(settings) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(NEWEST, (MOST_WINDOWS,))
        starts = [start for (start,) in cursor.fetchall()]
        end = newest.end_of_newest(starts, timedelta(seconds=settings.carts_window_seconds), span)
        if end is None:
            return None
        cursor.execute(LEADERS, (end - span, end, top))
        leaders = tuple(Leader(str(user), *map(int, numbers)) for user, *numbers in cursor.fetchall())
        return Leaderboard(end - span, end, leaders)
