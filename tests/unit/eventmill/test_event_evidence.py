"""What Hive holds of a line of single events is counted as of one batch of the job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from eventmill import event_evidence, mysql, places, reader, rejected, sql, tables, webhdfs
from eventmill.event_evidence import LINES, Part, Rows
from eventmill.line_evidence import EvidenceError
from eventmill.places import Places
from eventmill.settings import LINES as ALL_LINES
from eventmill.settings import Settings
from eventmill.sql import Result
from spark_jobs.packs import Verdict
from spark_jobs.state import State
from tests.support import settings


class Hive:
    """Answers as Hive would that has these numbers of a table's rows; keeps what it was asked."""

    def __init__(self, **rows: tuple[int, ...]) -> None:
        self.rows = rows
        self.asked: dict[str, str] = {}

    def __call__(self, _: Settings, statement: str) -> Result:
        """Answer a statement about one table."""
        table = statement.partition(" FROM ")[2].partition(" ")[0]
        self.asked[table] = statement
        return Result(rows=(self.rows[table],))


@pytest.fixture
def game(monkeypatch: pytest.MonkeyPatch) -> Hive:
    """The tables of the game."""
    hive = Hive(game_events=(18, 17, 4, 6, 2), game_duplicates=(3,), sword_purchases=(4,), purchases=(5,), guilds=(2,))
    monkeypatch.setattr(sql, "hive", hive)
    return hive


def test_every_line_with_a_job_is_checked() -> None:
    assert {"clicks", *LINES, "visits"} == set(ALL_LINES)


@pytest.mark.parametrize("name", LINES)
def test_every_table_that_is_counted_is_made(name: str) -> None:
    made = tables.partitioned(name)
    assert {table.name for table in LINES[name].tables} <= set(made)
    assert any(f" {LINES[name].label} STRING" in line for line in tables.script(name).read_text("utf-8").splitlines())


def test_a_line_has_a_table_of_late_events_where_it_has_windows() -> None:
    late = {name: line.others(Verdict.LATE) for name, line in LINES.items()}
    expected = {"game": None, "carts": "user_actions_late", "orders": None}
    assert {name: table and table.name for name, table in late.items()} == expected


def test_rows_are_counted_by_table_and_label(game: Hive) -> None:
    found = event_evidence.count_rows(settings(), LINES["game"], 3)
    assert (found.stored, found.identities, found.duplicates, found.late) == (18, 17, 3, 0)
    assert found.parts == {"sword_purchases": Part(4, 4), "purchases": Part(6, 5), "guilds": Part(2, 2)}


def test_each_table_is_asked_once_for_what_the_batches_until_then_have_made(game: Hive) -> None:
    event_evidence.count_rows(settings(), LINES["game"], 3)
    assert set(game.asked) == {table.name for table in LINES["game"].tables}
    assert all(statement.endswith(f" WHERE {event_evidence.BATCH} <= 3") for statement in game.asked.values())
    assert "COUNT(CASE WHEN `event_type` IN ('join_guild', 'leave_guild') THEN 1 END)" in game.asked["game_events"]


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    """The game's topic with 25 records, of which none was rejected."""

    @contextmanager
    def consumer(_: Settings) -> Iterator[None]:
        yield

    monkeypatch.setattr(reader, "consumer", consumer)
    monkeypatch.setattr(reader, "bounds", lambda _client, _topic: {0: reader.Bounds(0, 25)})
    monkeypatch.setattr(rejected, "read", lambda _settings, _topic: iter(()))


def test_before_the_first_batch_hive_is_not_asked(kafka: None, game: Hive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_evidence, "newest_state", lambda _settings, _line: None)
    found = event_evidence.gather(settings(), "game")
    assert (found.processed(), found.waiting(), found.rows) == (0, 25, Rows())
    assert not game.asked


def test_a_table_that_is_missing_is_named_with_what_to_do(kafka: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_evidence, "newest_state", lambda _settings, _line: State(3, None))
    monkeypatch.setattr(sql, "hive", lambda _settings, _statement: Result())
    with pytest.raises(
        EvidenceError, match="no table game_events yet: make the line's tables with: eventmill tables game"
    ):
        event_evidence.gather(settings(), "game")


def test_days_count_as_unknown_once_a_batch_until_then_has_made_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = {
        "/eventmill/game/guilds": ["day=2026-01-01", "day=2026-01-02", "day=2026-01-03"],
        "/eventmill/game/guilds/day=2026-01-02": ["batch-0000000003-part-00000.parquet"],
        "/eventmill/game/guilds/day=2026-01-03": ["batch-0000000004-part-00000.parquet"],
    }
    monkeypatch.setattr(webhdfs, "names", lambda _settings, folder: folders.get(folder, []))
    monkeypatch.setattr(places, "read", lambda _settings, _line: Places())
    monkeypatch.setattr(sql, "hive", lambda _settings, _statement: Result(rows=(("day=2026-01-01",),)))
    assert event_evidence.days(settings(), "game", LINES["game"], 3) == {"guilds": ["day=2026-01-02"]}


def test_orders_of_the_shop_are_looked_for_among_the_stored_events(
    kafka: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def shop(_: Settings, database: str) -> Iterator[Database]:
        assert database == "eCommerce"
        yield Database(["0aa0-1", "0bb0-2", "0cc0-3"])

    def hive(_: Settings, statement: str) -> Result:
        if statement.startswith(f"SELECT {event_evidence.IDENTITY} FROM order_events"):
            return Result(rows=(("0aa01",), ("0cc03",), ("another",)))
        return Result(rows=((1, 1),))

    monkeypatch.setattr(event_evidence, "newest_state", lambda _settings, _line: State(3, None))
    monkeypatch.setattr(mysql, "connect", shop)
    monkeypatch.setattr(sql, "hive", hive)
    monkeypatch.setattr(event_evidence, "days", lambda *_: {})
    waited: list[tuple[object, ...]] = []
    monkeypatch.setattr(event_evidence, "wait_for_days", lambda _, *what: waited.append(what))
    found = event_evidence.gather(settings(), "orders")
    assert waited == [("orders", ["order_events", "order_duplicates"], 3)]
    assert (found.promised, found.kept) == (3, 2)


class Database:
    """MySQL with the orders whose events have left the outbox."""

    def __init__(self, identities: list[str]) -> None:
        self._identities = identities

    def cursor(self) -> Database:
        """It is its own cursor."""
        return self

    def execute(self, statement: str) -> None:
        """Only one thing is asked."""
        assert statement == event_evidence.PUBLISHED

    def fetchall(self) -> list[tuple[str]]:
        """The identities."""
        return [(identity,) for identity in self._identities]
