"""Small files become large ones while the job writes what comes late, queries run, and processes die."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from threading import Event

import msgspec
import requests

from eventmill.databases import query_engines
from eventmill.lake import hive_tables, partition_locations, webhdfs
from ops.reconciliation import snapshot
from tests.e2e.game import Game

HOST = "compaction.example.org"
TABLE, DAYS = "game_events", ("2025-03-01", "2025-03-02")
COUNT = f"SELECT COUNT(*), COUNT(DISTINCT raw_event) FROM {TABLE} WHERE Host = '{HOST}'"
CLOSED = datetime(2025, 3, 3, tzinfo=UTC)
KILLS = 4
PAUSE = 0.5
"""Seconds between two queries to an engine."""


class Days:
    """Closed days of the game, and how many events were sent to them and stored."""

    def __init__(self, game: Game) -> None:
        self.game = game
        self.settings = game.stack.settings
        self.sent = self.stored = 0

    def add(self) -> None:
        """Have an event more stored in each of the days, by a batch."""
        events: list[dict[str, object]] = [
            {
                "event_type": "purchase_sword",
                "type": "axe.example.org",
                "Host": HOST,
                "timestamp": f"{day}T12:00:00.{self.sent:06}Z",
            }
            for day in DAYS
        ]
        self.sent += len(events)
        self._send(events)
        self.stored = self.sent

    def close(self) -> None:
        """Let the job's watermark pass them, by events in each of the topic's partitions."""
        self._send([{"event_type": "default", "Host": f"{number}.{HOST}"} for number in range(20)])
        state = snapshot.newest_state(self.settings, "game")
        assert state is not None
        assert state.progress.closed > CLOSED.timestamp() * 1_000_000

    def _send(self, events: Sequence[dict[str, object]]) -> None:
        """Have events stored."""
        body, headers = msgspec.json.encode(events), {"Content-Type": "application/json"}
        requests.post(f"{self.game.api}/v1/events/GameEvent", body, headers=headers, timeout=30).raise_for_status()
        self.game.wait_until_processed()

    def files(self) -> int:
        """How many files Hive reads of them."""
        known = partition_locations.days(self.settings, "game", TABLE)
        folders = [partition_locations.path("game", known[f"day={day}"]) for day in DAYS]
        return sum(not entry.is_hidden for folder in folders for entry in webhdfs.entries(self.settings, folder))

    def look(self, engine: str, done: Event) -> int:
        """Count the events until all is done: those stored before the query at least, each once; returns how often."""
        number = 0
        while not done.wait(PAUSE):
            least = self.stored
            [(found, distinct)] = query_engines.ENGINES[engine](self.settings, COUNT).rows
            assert least <= int(str(found)) <= self.sent, f"{engine}: {found} events, not {least} to {self.sent}"
            assert found == distinct
            number += 1
        return number

    def compact_and_kill(self, begun: int, after: float) -> None:
        """Compact, and end that at once, so many seconds after it has begun with so many days."""
        command = [sys.executable, "-m", "ops.cli.main", "compact", "game"]
        with subprocess.Popen(command, env=self.game.stack.environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said = list(islice(process.stdout, begun))
            assert said[0].startswith(TABLE), "it began with another table"
            try:
                process.wait(after)
            except subprocess.TimeoutExpired:
                process.kill()


def test_days_are_compacted_under_readers_a_job_that_writes_and_kills(game: Game) -> None:
    days, rng, done = Days(game), random.Random(53), Event()
    days.add()
    days.add()
    days.close()
    hive_tables.apply_hive_tables(days.settings, "game")
    with ThreadPoolExecutor(2) as pool:
        looking = [pool.submit(days.look, engine, done) for engine in ("presto", "hive")]
        try:
            for _ in range(KILLS):
                days.add()
                days.add()
                days.compact_and_kill(rng.randint(1, 2), rng.uniform(0, 1))
        finally:
            done.set()
        assert min(looked.result() for looked in looking) > 3
    game.stack.eventmill("compact", "game")
    assert days.files() <= 4
    assert set(known(days)) == {days.sent}


def known(days: Days) -> Iterator[int]:
    """The events that each engine has, as things are, after Hive has looked for days, and in a new metastore."""

    def counts() -> Iterator[int]:
        for engine in ("presto", "hive"):
            yield int(str(query_engines.ENGINES[engine](days.settings, COUNT).rows[0][0]))

    yield from counts()
    hive_tables.apply_hive_tables(days.settings, "game")
    yield from counts()
    query_engines.hive(days.settings, f"DROP TABLE {TABLE}")
    hive_tables.apply_hive_tables(days.settings, "game")
    yield from counts()
