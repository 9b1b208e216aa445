"""Hive's tables: which pipelines have some, and how Hive learns of their days."""

from __future__ import annotations

import pytest

from eventmill.config.settings import Settings
from eventmill.databases import query_engines, sql_scripts
from eventmill.lake import hive_tables, partition_locations, webhdfs
from eventmill.lake.hive_tables import TablesError
from eventmill.lake.partition_locations import Location, Locations
from tests.support import settings

ROOT = "hdfs://127.0.0.1:8020/eventmill/clicks"


class Hive:
    """HiveServer2 with the days that it knows of its one table, and the statements that it gets."""

    def __init__(self, *days: str, table: bool = True, others: tuple[str, ...] = ()) -> None:
        self.days = days
        self.table = table
        self.others = others
        self.statements: list[str] = []

    def __call__(self, _: Settings, statement: str) -> query_engines.QueryResult:
        """Answer a statement."""
        self.statements.append(statement)
        if statement.startswith("SHOW TABLES"):
            return query_engines.QueryResult(rows=tuple((name,) for name in ("commerce", *self.others) if self.table))
        assert self.table, "it has no such table"
        return query_engines.QueryResult(rows=tuple((day,) for day in self.days))


@pytest.fixture
def hdfs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two days, one of which compaction has moved, and one that has moved away from the table's folder."""
    moved = {"day=2026-01-02": Location("compacted/2"), "day=2026-01-03": Location("compacted/3", next="compacted/4")}
    monkeypatch.setattr(webhdfs, "names", lambda *_: [".aside", "day=2026-01-01", "day=2026-01-02", "other"])
    monkeypatch.setattr(partition_locations, "read_locations", lambda *_: Locations({"commerce": moved}))


def found(monkeypatch: pytest.MonkeyPatch, hive: Hive) -> list[str]:
    """The statements by which it finds the days of the clicks."""
    monkeypatch.setattr(query_engines, "hive", hive)
    return sql_scripts.statements(hive_tables.find_days(settings(), "clicks"))


@pytest.mark.usefixtures("hdfs")
def test_only_what_is_missing_is_made_and_its_days_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    hive = Hive("day=2026-01-01")
    monkeypatch.setattr(query_engines, "hive", hive)
    assert hive_tables.apply_hive_tables(settings(), "clicks") == {"commerce": 2}
    made = [name[1] for name in map(hive_tables.TABLE.search, hive.statements) if name]
    assert made == ["commerce_faults"]


@pytest.mark.usefixtures("hdfs")
def test_a_metastore_with_all_of_it_is_only_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    hive = Hive("day=2026-01-01", "day=2026-01-02", "day=2026-01-03", others=("commerce_faults",))
    monkeypatch.setattr(query_engines, "hive", hive)
    assert hive_tables.apply_hive_tables(settings(), "clicks") == {"commerce": 0}
    assert all(statement.startswith("SHOW ") for statement in hive.statements)


@pytest.mark.usefixtures("hdfs")
def test_hive_finds_new_days_where_they_are_and_forgets_those_that_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, Hive("day=2025-12-31", "day=2026-01-01")) == [
        "ALTER TABLE commerce DROP IF EXISTS PARTITION (`day` = '2025-12-31')",
        "ALTER TABLE commerce ADD IF NOT EXISTS"
        f" PARTITION (`day` = '2026-01-02') LOCATION '{ROOT}/compacted/2'"
        f" PARTITION (`day` = '2026-01-03') LOCATION '{ROOT}/compacted/3'",
    ]


@pytest.mark.usefixtures("hdfs")
def test_a_table_that_is_to_be_made_gets_all_days(monkeypatch: pytest.MonkeyPatch) -> None:
    [statement] = found(monkeypatch, Hive(table=False))
    assert statement.count("PARTITION (") == 3
    assert f"LOCATION '{ROOT}/commerce/day=2026-01-01'" in statement


@pytest.mark.usefixtures("hdfs")
def test_nothing_is_said_when_hive_knows_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, Hive("day=2026-01-01", "day=2026-01-02", "day=2026-01-03")) == []


def test_an_unknown_pipeline_is_named_with_those_there_are() -> None:
    with pytest.raises(TablesError, match="no pipeline is called 'visits'; there are carts, clicks, game"):
        hive_tables.script("visits")


def test_tables_that_a_plan_places_are_not_looked_for() -> None:
    assert hive_tables.partitioned("warehouse") == ()
