"""How many members each guild has, in MySQL: right with any number of processes and after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from http import HTTPStatus
from threading import BoundedSemaphore, Lock
from typing import Any, NamedTuple

import mysql.connector
from mysql.connector.pooling import MySQLConnectionPool

from api.problems import ProblemError
from eventmill import mysql as database
from eventmill.settings import Settings

CONNECTIONS = 4
"""Of one process; more would only wait for each other."""

COUNTS = "SELECT guild_name, member_cnt FROM guild_members FOR UPDATE"
SET = """
INSERT INTO guild_members (guild_name, member_cnt) VALUES (%s, %s) AS new
ON DUPLICATE KEY UPDATE member_cnt = new.member_cnt
"""


class Change(NamedTuple):
    """What a player's step makes of a guild: its members, None when there is no such guild, and those of all guilds."""

    members: int | None
    total: int


class Guilds:
    """The guilds of the game. A change lasts only if the block that it's given to succeeds, and others wait for it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._free = BoundedSemaphore(CONNECTIONS)
        self._making = Lock()
        self._pool: MySQLConnectionPool | None = None

    def join(self, name: str) -> AbstractContextManager[Change]:
        """One member more; a guild that doesn't exist is founded."""
        return self._change(name, 1)

    def leave(self, name: str) -> AbstractContextManager[Change]:
        """One member less, but never fewer than none; nothing changes when there is no such guild."""
        return self._change(name, -1)

    @contextmanager
    def _change(self, name: str, step: int) -> Iterator[Change]:
        with self._connection() as connection, closing(connection.cursor()) as cursor:
            # Locks all guilds until the commit: the total is part of what is told.
            cursor.execute(COUNTS)
            counts = {str(guild): int(number) for guild, number in cursor.fetchall()}
            if step > 0 or name in counts:
                counts[name] = max(0, counts.get(name, 0) + step)
                cursor.execute(SET, (name, counts[name]))
            yield Change(counts.get(name), sum(counts.values()))
            connection.commit()

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        seconds = self._settings.api_timeout_seconds
        if not self._free.acquire(timeout=seconds):
            raise _unavailable("too many wait for the guilds")
        try:
            with closing(self._connections().get_connection()) as connection:
                yield connection
        except mysql.connector.Error as error:
            raise _unavailable(f"MySQL: {error}") from error
        finally:
            self._free.release()

    def _connections(self) -> MySQLConnectionPool:
        """The pool, made when it's first needed: the service starts without MySQL too."""
        with self._making:
            if self._pool is None:
                wait = f"SET SESSION innodb_lock_wait_timeout = {self._settings.api_timeout_seconds}"
                arguments = database.arguments(self._settings) | {"init_command": wait}
                self._pool = MySQLConnectionPool(pool_size=CONNECTIONS, pool_name="guilds", **arguments)
            return self._pool


def _unavailable(reason: str) -> ProblemError:
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "the guilds are away", {"Retry-After": "2"}, reason=reason)
