"""The leader board: who did most in the shop in the newest windows."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from eventmill import mysql
from eventmill.settings import Settings

NEWEST = "SELECT MAX(window_end) FROM leader_board"
LEADERS = """
SELECT userid, SUM(action_number) AS actions, SUM(IF(action = 'SHOPPING_CART', action_number, 0)) AS carts,
  SUM(IF(action = 'ORDER', action_number, 0)) AS orders
FROM leader_board
WHERE window_start >= %s
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
class Board:
    """The leaders, first the one with most actions, from one time to the other, in UTC."""

    begin: datetime
    end: datetime
    leaders: tuple[Leader, ...]


def board(settings: Settings, span: timedelta, top: int) -> Board | None:
    """The leaders of the newest windows that cover that span of event time; None when no user did anything yet."""
    with mysql.connect(settings) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(NEWEST)
        ((end,),) = cursor.fetchall()
        if end is None:
            return None
        cursor.execute(LEADERS, (end - span, top))
        leaders = tuple(Leader(str(user), *map(int, numbers)) for user, *numbers in cursor.fetchall())
        return Board(end - span, end, leaders)
