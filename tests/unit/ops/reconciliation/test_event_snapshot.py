"""What Hive holds of a pipeline of single events is counted as of one batch of the job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from eventmill.config.settings import PIPELINES as ALL_PIPELINES
from eventmill.config.settings import Settings
from eventmill.databases import mysql, query_engines
from eventmill.databases.query_engines import QueryResult
from eventmill.kafka import dead_letters, topic_reader
from eventmill.lake import hive_tables, partition_locations, webhdfs
from eventmill.lake.partition_locations import Locations
from ops.reconciliation import event_snapshot, snapshot, table_days
from ops.reconciliation.event_snapshot import PIPELINES, StoredRows, TablePart
from ops.reconciliation.snapshot import SnapshotError
from ops.reconciliation.table_days import TableDays
from spark_jobs.processing.packed_records import Outcome
from spark_jobs.state.state_store import State
from tests.support import settings
from tests.unit.ops.reconciliation.hdfs_and_hive import Row, Stores
from tests.unit.ops.reconciliation.shop_orders import Orders

NO_DAYS = TableDays("order_events", {}, {}, frozenset(), frozenset())


STORED = [Row(f"{number:02}", label) for number, label in enumerate(["purchase_sword"] * 4 + ["purchase_shield"] * 2)]
GUILDS = [Row("20", "join_guild"), Row("21", "leave_guild")]
DAY = "day=2026-01-01/batch-0000000003-part-00000.parquet"


@pytest.fixture
def game(monkeypatch: pytest.MonkeyPatch) -> Stores:
    """The tables of the game, with files of batch 3; one event is stored twice."""
    stores = Stores("game")
    stores.use(monkeypatch)
    stores.write(f"game_events/{DAY}", *STORED, *GUILDS, *(Row(f"{n}", "default") for n in range(40, 50)))
    stores.write("game_events/day=2026-01-02/batch-0000000002-part-00000.parquet", Row("40", "default"))
    stores.write(f"game_duplicates/{DAY}", *STORED[:3])
    stores.write(f"sword_purchases/{DAY}", *STORED[:4])
    stores.write(f"purchases/{DAY}", *STORED[:5])
    stores.write(f"guilds/{DAY}", *GUILDS)
    return stores


def test_every_pipeline_with_a_job_is_checked() -> None:
    assert {"clicks", *PIPELINES, "visits"} == set(ALL_PIPELINES)


@pytest.mark.parametrize("name", PIPELINES)
def test_every_table_that_is_counted_is_made(name: str) -> None:
    made = hive_tables.partitioned(name)
    assert {table.name for table in PIPELINES[name].tables} <= set(made)
    assert any(
        f" {PIPELINES[name].label} STRING" in line for line in hive_tables.script(name).read_text("utf-8").splitlines()
    )


def test_a_pipeline_has_a_table_of_late_events_where_it_has_windows() -> None:
    late = {name: pipeline.others(Outcome.LATE) for name, pipeline in PIPELINES.items()}
    expected = {"game": None, "carts": "user_actions_late", "orders": None}
    assert {name: table and table.name for name, table in late.items()} == expected


def test_rows_are_counted_by_table_and_label(kafka: None, game: Stores) -> None:
    found = event_snapshot.take_event_snapshot(settings(), "game").rows
    assert (found.stored, found.identities, found.duplicates, found.late) == (19, 18, 3, 0)
    assert found.parts == {"sword_purchases": TablePart(4, 4), "purchases": TablePart(6, 5), "guilds": TablePart(2, 2)}


def test_each_table_is_asked_for_what_the_batches_until_then_have_made(kafka: None, game: Stores) -> None:
    event_snapshot.take_event_snapshot(settings(), "game")
    assert len(game.asked) == len(PIPELINES["game"].tables) + 1
    assert all(f" WHERE {event_snapshot.BATCH} <= 3" in statement for statement in game.asked)
    [stored] = (each for each in game.asked if "FROM game_events" in each and "DISTINCT" not in each)
    assert "COUNT(CASE WHEN `event_type` IN ('join_guild', 'leave_guild') THEN 1 END)" in stored


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    """The game's topic with 25 records, of which none was rejected."""

    @contextmanager
    def consumer(_: Settings) -> Iterator[None]:
        yield

    monkeypatch.setattr(topic_reader, "consumer", consumer)
    monkeypatch.setattr(topic_reader, "offset_ranges", lambda _client, _topic: {0: topic_reader.OffsetRange(0, 25)})
    monkeypatch.setattr(topic_reader, "topic_id", lambda _settings, _topic: "id")
    monkeypatch.setattr(snapshot, "newest_state", lambda _settings, _pipeline: State(3, None))
    monkeypatch.setattr(dead_letters, "read_dead_letters", lambda _settings, _topic: iter(()))


def test_before_the_first_batch_hive_is_not_asked(kafka: None, game: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "newest_state", lambda _settings, _pipeline: None)
    found = event_snapshot.take_event_snapshot(settings(), "game")
    assert (found.processed(), found.waiting(), found.rows) == (0, 25, StoredRows())
    assert not game.asked


def test_a_table_that_is_missing_is_named_with_what_to_do(kafka: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_engines, "hive", lambda _settings, _statement: QueryResult())
    with pytest.raises(
        SnapshotError, match="no table game_events yet: make the pipeline's tables with: eventmill tables game"
    ):
        event_snapshot.take_event_snapshot(settings(), "game")


def test_days_count_as_unknown_once_a_batch_until_then_has_made_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = {
        "/eventmill/game/guilds": ["day=2026-01-01", "day=2026-01-02", "day=2026-01-03"],
        "/eventmill/game/guilds/day=2026-01-02": ["batch-0000000003-part-00000.parquet"],
        "/eventmill/game/guilds/day=2026-01-03": ["batch-0000000004-part-00000.parquet"],
    }
    monkeypatch.setattr(webhdfs, "names", lambda _settings, folder: folders.get(folder, []))
    monkeypatch.setattr(partition_locations, "read_locations", lambda _settings, _pipeline: Locations())
    monkeypatch.setattr(query_engines, "hive", lambda _settings, _statement: QueryResult(rows=(("day=2026-01-01",),)))
    assert event_snapshot.unknown_days_of(settings(), "game", PIPELINES["game"], 3) == {"guilds": ["day=2026-01-02"]}


def test_orders_of_the_shop_are_looked_for_among_the_stored_events(
    kafka: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def hive(_: Settings, statement: str) -> QueryResult:
        if statement.startswith(f"SELECT {event_snapshot.IDENTITY} FROM order_events"):
            asked.append(statement)
            return QueryResult(rows=(("0aa01",), ("0cc03",), ("another",)))
        return QueryResult(rows=(("order_events",),))

    shop = Orders({"2026-01-01": ["0aa0-1", "0bb0-2", "0cc0-3"]})
    monkeypatch.setattr(mysql, "connect", shop.connect)
    monkeypatch.setattr(query_engines, "hive", hive)
    monkeypatch.setattr(event_snapshot, "unknown_days_of", lambda *_: {})
    monkeypatch.setattr(table_days, "days_of_table", lambda _settings, _pipeline, table, _before: NO_DAYS)
    waited: list[tuple[object, ...]] = []
    monkeypatch.setattr(event_snapshot, "wait_for_days", lambda _, *what: waited.append(what))
    found = event_snapshot.take_event_snapshot(settings(), "orders")
    assert waited == [("orders", ["order_events", "order_duplicates"], 3)]
    assert (found.promised, found.kept, found.after.promised) == (3, 2, {})
    assert [each.partition(" WHERE ")[2] for each in asked] == [f"`day` = '2026-01-01' AND {event_snapshot.BATCH} <= 3"]


def test_orders_are_promised_before_the_first_batch_too(kafka: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "newest_state", lambda _settings, _pipeline: None)
    monkeypatch.setattr(mysql, "connect", Orders({"2026-01-01": ["a", "b"], "2026-01-02": ["c"]}).connect)
    found = event_snapshot.take_event_snapshot(settings(), "orders")
    assert (found.promised, found.kept) == (3, 0)
