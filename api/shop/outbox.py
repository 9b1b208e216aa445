"""Publishes the events that the shop's transactions have left in the outbox.

Of all processes one does so, the one that holds a lock in MySQL; when it dies another goes on. An event leaves the
outbox when Kafka has acknowledged it. One that is published again, because its process died in between, has the same
messageid and counts once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import Any

import mysql.connector

from api.collect.publisher import OutgoingRecord
from eventmill.config.settings import Settings
from eventmill.databases import mysql as server

Publish = Callable[[Sequence[OutgoingRecord]], dict[int, str]]
"""Writes records to Kafka and waits; returns the reasons of those that were not acknowledged, by their index."""

AT_ONCE = 500
LOOK_SECONDS = 0.1
PAUSE_SECONDS = 2.0
LOCK_SECONDS = 2
SELECT = "SELECT id, topic, record_key, value FROM outbox ORDER BY id LIMIT %s"
log = logging.getLogger(__name__)


class Outbox:
    """The outbox, worked off by a thread of this process between `start` and `stop`."""

    def __init__(self, settings: Settings, publish: Publish) -> None:
        self._settings = settings
        self._publish = publish
        self._ended = Event()
        self._thread = Thread(target=self._work, name="outbox", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, when what is under way is done."""
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._ended.is_set():
            try:
                with server.connect(self._settings, self._settings.shop_database) as connection:
                    self._serve(connection)
            except mysql.connector.Error as error:
                log.warning("the outbox waits for MySQL: %s", error)
                self._ended.wait(PAUSE_SECONDS)

    def _serve(self, connection: Any) -> None:
        """Work the outbox off as long as the connection holds, once no other process does."""
        cursor, locked = connection.cursor(), False
        while not locked and not self._ended.is_set():
            # A lock of the connection: MySQL releases it when the process dies.
            cursor.execute("SELECT GET_LOCK(CONCAT(DATABASE(), '.outbox'), %s)", (LOCK_SECONDS,))
            locked = cursor.fetchone()[0] == 1
        while not self._ended.is_set():
            if not self.turn(connection):
                self._ended.wait(LOOK_SECONDS)

    def turn(self, connection: Any) -> int:
        """Publish the oldest events, and remove what Kafka has; returns how many that are."""
        cursor = connection.cursor()
        cursor.execute(SELECT, (AT_ONCE,))
        rows = cursor.fetchall()
        records = [OutgoingRecord(topic, bytes(key), bytes(value)) for _, topic, key, value in rows]
        failed = self._publish(records) if records else {}
        if failed:
            log.warning("the outbox waits for Kafka: %s", next(iter(failed.values())))
            self._ended.wait(PAUSE_SECONDS)
        published = [(row[0],) for index, row in enumerate(rows) if index not in failed]
        cursor.executemany("DELETE FROM outbox WHERE id = %s", published)
        # Ends the transaction also when there was nothing, so that the next turn sees what is new.
        connection.commit()
        return len(published)
