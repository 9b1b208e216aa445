"""The shop's warehouse: lines of the lake are checked, each order is there once, only days that change are written."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from eventmill.lake.hadoop_files import Files
from eventmill.lake.warehouse import FOLDER, PLANS, STAGED, WarehousePlan
from spark_jobs.pipelines.shop_warehouse import QUARANTINE, TABLES, Warehouse, checked_rows

UUID = "5f0c2a52-9f0e-4f0e-9a43-0e6f7f2f4a11"
NOON = "12:00:00.0"


def order(number: int, day: str = "2026-01-01", user: object = 346, status: object = 0) -> str:
    """A line of the lake's orders."""
    return f"{number},{user},784,3,{day} {NOON},{status},{UUID}"


def completion(number: int, order_id: int, day: str = "2026-01-02") -> str:
    """A line of the lake's completed orders."""
    return f"{order_id},{day} {NOON},1,{number}"


class Shop:
    """A lake and its warehouse in a folder."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.folder = folder
        self.warehouse = Warehouse(spark, Files(spark, f"file://{folder}"))
        self.until = {"orders": 0, "completed_orders": 0}

    def land(self, table: str, *lines: str, rows: int | None = None) -> None:
        """Put lines into the lake as its next part."""
        after = self.until[table]
        self.until[table] += rows or len(lines)
        part = self.folder / "data_lake" / table / f"{after:020d}-{self.until[table]:020d}"
        part.mkdir(parents=True)
        (part / "part-m-00000").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def refresh(self) -> WarehousePlan | None:
        """Clean what is new, and publish the plan."""
        plan = self.warehouse.refresh()
        if plan:
            (staged,) = (self.folder / STAGED).glob("*.json")
            (self.folder / PLANS).mkdir(exist_ok=True)
            staged.rename(self.folder / PLANS / staged.name)
        return plan

    def rows(self, plan: WarehousePlan, table: str) -> dict[str, list[tuple[int, int]]]:
        """The rows of each day: the key and the last column."""
        found = {}
        for day, version in plan.days[table].items():
            files = (self.folder / FOLDER / table / "parquet" / version / f"day={day}").glob("*.parquet")
            rows = [row for file in files for row in pq.read_table(file, partitioning=None).to_pylist()]
            found[day] = sorted((row["order_id"], row["status"]) for row in rows)
        return found

    def text(self, plan: WarehousePlan, table: str, day: str) -> list[str]:
        """The lines of a day."""
        files = (self.folder / FOLDER / table / "csv" / plan.days[table][day] / f"day={day}").glob("*.csv")
        return sorted(line for file in files for line in file.read_text("utf-8").splitlines())


@pytest.fixture
def shop(spark: SparkSession, tmp_path: Path) -> Shop:
    """One with an empty lake."""
    return Shop(spark, tmp_path)


def test_orders_are_there_by_day_in_both_forms(shop: Shop) -> None:
    shop.land("orders", order(1), order(2, "2026-01-02"), order(3))
    plan = shop.refresh()
    assert plan is not None
    assert shop.rows(plan, "orders") == {"2026-01-01": [(1, 0), (3, 0)], "2026-01-02": [(2, 0)]}
    assert shop.text(plan, "orders", "2026-01-02") == ["2,346,784,3,2026-01-02 12:00:00.000,0"]
    assert plan.until == {"orders": 3, "completed_orders": 0}


def test_nothing_new_is_no_plan(shop: Shop) -> None:
    assert shop.refresh() is None
    shop.land("orders", order(1))
    assert shop.refresh() is not None
    assert shop.refresh() is None


def test_only_days_that_change_are_written_anew(shop: Shop) -> None:
    shop.land("orders", order(1), order(2, "2026-01-02"))
    before = shop.refresh()
    shop.land("orders", order(3, "2026-01-02"))
    after = shop.refresh()
    assert before is not None
    assert after is not None
    assert after.days["orders"]["2026-01-01"] == before.days["orders"]["2026-01-01"]
    assert shop.rows(after, "orders") == {"2026-01-01": [(1, 0)], "2026-01-02": [(2, 0), (3, 0)]}


def test_a_completion_changes_the_day_of_its_order(shop: Shop) -> None:
    shop.land("orders", order(1), order(2), order(3, "2026-01-02"))
    shop.refresh()
    shop.land("completed_orders", completion(1, 2, "2026-01-05"))
    plan = shop.refresh()
    assert plan is not None
    assert shop.rows(plan, "orders") == {"2026-01-01": [(1, 0), (2, 1)], "2026-01-02": [(3, 0)]}
    assert shop.rows(plan, "completed_orders") == {"2026-01-05": [(2, 1)]}


def test_copies_count_once(shop: Shop) -> None:
    shop.land("orders", order(1), order(1))
    shop.land("orders", order(1, "2026-01-09"))
    plan = shop.refresh()
    assert plan is not None
    assert shop.rows(plan, "orders") == {"2026-01-01": [(1, 0)]}


def test_broken_lines_are_kept_with_the_reason(shop: Shop) -> None:
    shop.land("orders", order(1), order(2, user="nobody"), "3,346", order(4, "2026-02-30"), order(5, status=2), "")
    plan = shop.refresh()
    assert plan is not None
    assert shop.rows(plan, "orders") == {"2026-01-01": [(1, 0)]}
    (file,) = (shop.folder / QUARANTINE / "orders").glob("*.json")
    broken = [msgspec.json.decode(line) for line in file.read_bytes().splitlines()]
    assert {line["value"]: line["reason"] for line in broken} == {
        order(2, user="nobody"): "user_id: not a number above 0",
        "3,346": "2 columns instead of 7",
        order(4, "2026-02-30"): "ordered_at: not a time such as 2026-01-31 23:59:59.0",
        order(5, status=2): "status: not 0 or 1",
        "": "1 columns instead of 7",
    }


def test_a_plan_that_was_not_published_is_made_again(shop: Shop) -> None:
    shop.land("orders", order(1))
    first = shop.warehouse.refresh()
    shop.land("orders", order(2))
    second = shop.warehouse.refresh()
    assert first is not None
    assert second is not None
    assert shop.rows(second, "orders") == {"2026-01-01": [(1, 0), (2, 0)]}


def test_numbers_that_are_too_large_are_broken(spark: SparkSession) -> None:
    lines = spark.createDataFrame([(order(2**70), "part")], "value string, part string")
    assert [row.reason for row in checked_rows(lines, TABLES["orders"]).collect()] == ["order_id: not a number above 0"]
