"""Connections to MySQL for the threads of one process: a few, made when they are first needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from threading import BoundedSemaphore, Lock
from typing import Any

import mysql.connector
from mysql.connector.pooling import MySQLConnectionPool

from api.http.problems import ProblemError
from eventmill.config.disk import Reserve
from eventmill.config.settings import Settings
from eventmill.databases import mysql as server


class Connections:
    """At most so many connections to a database; `about` is what is away without them, such as "the guilds"."""

    def __init__(self, settings: Settings, database: str, number: int, about: str) -> None:
        self._settings = settings
        self._database = database
        self._number = number
        self._about = about
        self._reserve = Reserve.of(settings)
        self._free = BoundedSemaphore(number)
        self._making = Lock()
        self._pool: MySQLConnectionPool | None = None

    @contextmanager
    def growing(self) -> Iterator[Any]:
        """A transaction that adds rows.

        Raises:
            ProblemError: as `transaction`, and 503 when the disk is nearly full.
        """
        if shortage := self._reserve.shortage():
            raise self._unavailable(shortage)
        with self.transaction() as cursor:
            yield cursor

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """A cursor whose changes last if the block succeeds.

        Raises:
            ProblemError: 503 when there is no connection in time, or MySQL fails.
        """
        if not self._free.acquire(timeout=self._settings.api_timeout_seconds):
            raise self._unavailable("too many wait for them")
        try:
            with closing(self._connections().get_connection()) as connection, closing(connection.cursor()) as cursor:
                yield cursor
                connection.commit()
        except mysql.connector.Error as error:
            raise self._unavailable(f"MySQL: {error}") from error
        finally:
            self._free.release()

    def _connections(self) -> MySQLConnectionPool:
        """The pool: the service starts without MySQL too."""
        with self._making:
            if self._pool is None:
                wait = f"SET SESSION innodb_lock_wait_timeout = {self._settings.api_timeout_seconds}"
                arguments = server.arguments(self._settings, self._database) | {"init_command": wait}
                self._pool = MySQLConnectionPool(pool_size=self._number, pool_name=self._database, **arguments)
            return self._pool

    def _unavailable(self, reason: str) -> ProblemError:
        return ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE, f"{self._about} are away", {"Retry-After": "2"}, reason=reason
        )
