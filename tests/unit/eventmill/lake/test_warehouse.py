"""The warehouse as Hive sees it: partitions follow the newest plan, and what no plan needs is removed."""

from __future__ import annotations

from contextlib import nullcontext

import msgspec
import pytest

from eventmill.config.settings import Settings
from eventmill.databases import mysql, query_engines
from eventmill.lake import hive_tables, warehouse, webhdfs
from eventmill.lake.warehouse import PIPELINE, PLANS, STAGED, WarehousePlan
from tests.support import settings

FIRST = WarehousePlan({"orders": 5, "completed_orders": 0}, {"orders": {"2026-01-01": "v1", "2026-01-02": "v1"}})
SECOND = WarehousePlan({"orders": 9, "completed_orders": 0}, {"orders": {"2026-01-01": "v1", "2026-01-02": "v2"}})


class Hdfs:
    """Files in memory, and the statements that Hive gets."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.statements: list[str] = []

    def put(self, folder: str, name: str, plan: WarehousePlan) -> None:
        """Write a plan."""
        self.files[f"{PIPELINE}/{folder}/{name}.json"] = msgspec.json.encode(plan)

    def names(self, _: Settings, folder: str) -> list[str]:
        """As WebHDFS."""
        return sorted({path[len(folder) + 1 :].split("/")[0] for path in self.files if path.startswith(f"{folder}/")})

    def read(self, _: Settings, path: str) -> bytes:
        """As WebHDFS."""
        return self.files[path]

    def make_folder(self, _: Settings, path: str) -> None:
        """As WebHDFS."""

    def rename(self, _: Settings, path: str, target: str) -> None:
        """As WebHDFS."""
        self.files[target] = self.files.pop(path)

    def delete(self, _: Settings, path: str) -> None:
        """As WebHDFS."""
        self.files = {known: content for known, content in self.files.items() if not known.startswith(path)}

    def hive(self, _: Settings, statement: str) -> query_engines.QueryResult:
        """As HiveServer2."""
        self.statements.append(statement)
        return query_engines.QueryResult()


@pytest.fixture
def hdfs(monkeypatch: pytest.MonkeyPatch) -> Hdfs:
    """One that has nothing."""
    made = Hdfs()
    for name in ("names", "read", "make_folder", "rename", "delete"):
        monkeypatch.setattr(webhdfs, name, getattr(made, name))
    monkeypatch.setattr(query_engines, "hive", made.hive)
    return made


def test_without_a_staged_plan_nothing_is_done(hdfs: Hdfs) -> None:
    assert warehouse.publish_plan(settings()) is None
    assert warehouse.newest_plan(settings()) == WarehousePlan({"orders": 0, "completed_orders": 0}, {})


def test_an_empty_warehouse_is_equal_to_an_empty_shop(hdfs: Hdfs, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []

    class Shop:
        """A database without rows."""

        def cursor(self) -> Shop:
            """As mysql.connector's."""
            return self

        def execute(self, _: str, until: tuple[int, ...]) -> None:
            """Keep up to which row was asked."""
            asked.append(until)

        def fetchall(self) -> list[tuple[object, ...]]:
            """No day."""
            return []

    monkeypatch.setattr(mysql, "connect", lambda *_: nullcontext(Shop()))
    warehouse.require_same_days(settings())
    assert asked == [(0,), (0,)]


def test_days_that_moved_are_told_to_hive_in_both_forms(hdfs: Hdfs) -> None:
    hdfs.put(PLANS, "1", FIRST)
    hdfs.put(STAGED, "2", SECOND)
    assert warehouse.publish_plan(settings()) == SECOND
    folder = "hdfs://127.0.0.1:8020/eventmill/orders/data_warehouse/orders"
    day = "PARTITION (`day` = '2026-01-02')"
    expected = []
    for table, form in (("orders", "parquet"), ("orders_text", "csv")):
        place = f"LOCATION '{folder}/{form}/v2/day=2026-01-02'"
        expected.append(f"ALTER TABLE {table} ADD IF NOT EXISTS {day} {place}")
        expected.append(f"ALTER TABLE {table} {day} SET {place}")
    assert hdfs.statements == expected
    assert warehouse.newest_plan(settings()) == SECOND
    assert hdfs.names(settings(), f"{PIPELINE}/{STAGED}") == []


def test_of_staged_plans_the_newest_counts(hdfs: Hdfs) -> None:
    hdfs.put(STAGED, "1", FIRST)
    hdfs.put(STAGED, "2", SECOND)
    assert warehouse.publish_plan(settings()) == SECOND
    assert hdfs.names(settings(), f"{PIPELINE}/{PLANS}") == ["2.json"]


def test_folders_of_older_plans_are_removed(hdfs: Hdfs) -> None:
    hdfs.put(PLANS, "1", FIRST)
    hdfs.put(STAGED, "2", SECOND)
    folder = f"{PIPELINE}/data_warehouse/orders/parquet"
    hdfs.files |= {f"{folder}/{version}/part": b"" for version in ("v0", "v1", "v2")}
    warehouse.publish_plan(settings())
    assert hdfs.names(settings(), folder) == ["v1", "v2"]


def test_a_new_metastore_gets_the_days_of_the_newest_plan(hdfs: Hdfs) -> None:
    hdfs.put(PLANS, "1", FIRST)
    hdfs.put(PLANS, "2", SECOND)
    assert warehouse.restore(settings()) == 4
    folder = "hdfs://127.0.0.1:8020/eventmill/orders/data_warehouse/orders/csv"
    assert (
        "ALTER TABLE orders_text ADD IF NOT EXISTS"
        f" PARTITION (`day` = '2026-01-01') LOCATION '{folder}/v1/day=2026-01-01'"
        f" PARTITION (`day` = '2026-01-02') LOCATION '{folder}/v2/day=2026-01-02'"
    ) in hdfs.statements


def test_days_that_hive_knows_stay_where_it_knows_them(hdfs: Hdfs, monkeypatch: pytest.MonkeyPatch) -> None:
    hdfs.put(PLANS, "2", SECOND)
    monkeypatch.setattr(hive_tables, "known_days", lambda _settings, _table: {"day=2026-01-01", "day=2026-01-02"})
    assert warehouse.restore(settings()) == 0
    assert hdfs.statements == []
