"""Hive's metastore on PostgreSQL: what Presto lists, new days, and a metastore whose data are gone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, timedelta

import msgspec
import pytest
import requests

from eventmill.config.polling import until
from eventmill.databases import postgres, query_engines
from eventmill.lake import hive_tables, partition_locations
from ops.stack import provisioning
from ops.stack.isolated_stack import IsolatedStack
from tests.e2e.game import Game

LISTINGS = (
    "SHOW TABLES",
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'default'",
    "SELECT DISTINCT table_name FROM information_schema.columns WHERE table_schema = 'default'",
)
COUNT = "SELECT `day`, COUNT(*) FROM game_events GROUP BY `day`"
HOST = "metastore.example.org"


def test_presto_lists_every_table_of_the_enabled_pipelines(stack: IsolatedStack) -> None:
    provisioning.make_hive_tables(stack.settings)
    scripts = (hive_tables.script(pipeline).read_text("utf-8") for pipeline in hive_tables.pipelines())
    expected = {name for script in scripts for name in hive_tables.TABLE.findall(script)}
    for listing in LISTINGS:
        assert expected <= {str(row[0]) for row in query_engines.presto(stack.settings, listing).rows}, listing


@pytest.mark.parametrize("listing", [*LISTINGS, "DESCRIBE commerce"])
def test_a_listing_takes_no_more_than_a_second(listing: str, stack: IsolatedStack) -> None:
    def seconds() -> Iterator[float]:
        for _ in range(3):
            begun = time.monotonic()
            query_engines.presto(stack.settings, listing)
            yield time.monotonic() - begun

    assert min(seconds()) < 1


def test_a_new_day_is_seen_by_hive_and_presto_within_a_minute(game: Game) -> None:
    day = new_day(game)
    send(game, day)
    until(
        lambda: seen(game, "hive", day) and seen(game, "presto", day), 60, f"{day} is not seen after a minute", every=1
    )


def test_a_metastore_whose_data_are_gone_is_remade_by_up(game: Game) -> None:
    game.in_tables()
    before, there = (
        query_engines.hive(game.stack.settings, COUNT).rows,
        partition_locations.days(game.stack.settings, "game", "game_events"),
    )
    forget(game)
    said = game.stack.eventmill("up").stdout
    assert "days of tables on HDFS that its metastore did not know" in said
    assert sorted(query_engines.hive(game.stack.settings, COUNT).rows) == sorted(before)
    assert hive_tables.known_days(game.stack.settings, "game_events") == set(there)


def new_day(game: Game) -> date:
    """A day of which HDFS has nothing."""
    known = partition_locations.days(game.stack.settings, "game", "game_events")
    days = (date(2025, 6, 1) + timedelta(number) for number in range(365))
    return next(day for day in days if f"day={day}" not in known)


def send(game: Game, day: date) -> None:
    """Send one event of that day."""
    event = {"event_type": "default", "Host": HOST, "timestamp": f"{day}T12:00:00Z"}
    body, headers = msgspec.json.encode([event]), {"Content-Type": "application/json"}
    requests.post(f"{game.api}/v1/events/GameEvent", body, headers=headers, timeout=30).raise_for_status()


def seen(game: Game, engine: str, day: date) -> bool:
    """Whether that engine sees the event of that day."""
    statement = f"SELECT COUNT(*) FROM game_events WHERE Host = '{HOST}' AND day = '{day}'"
    return query_engines.ENGINES[engine](game.stack.settings, statement).rows[0][0] == 1


def forget(game: Game) -> None:
    """Lose the metastore's database and role, as a stack whose metastore was kept elsewhere has none."""
    game.supervisor.stop("metastore")
    with postgres.connect(game.stack.settings, postgres.FIRST) as connection:
        connection.autocommit = True
        connection.execute("DROP DATABASE metastore WITH (FORCE)")
        connection.execute("DROP ROLE hive")
    game.supervisor.stop("postgres")
