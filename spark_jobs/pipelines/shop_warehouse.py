"""The shop's warehouse: what the lake holds of its tables, cleaned, by day, as Parquet and as text.

Of the days that new rows change, all rows are rewritten into a folder of their own. The plan that comes with them
says in which folder each day is; `eventmill/lake/warehouse.py` lets Hive follow it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

import msgspec
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from eventmill.lake.hadoop_files import Files
from eventmill.lake.warehouse import FOLDER, FORMATS, PLANS, STAGED, WarehousePlan, nothing
from spark_jobs.processing.micro_batch import cached

LAKE = "data_lake"
QUARANTINE = f"{LAKE}/_quarantine"


@dataclass(frozen=True)
class ColumnRule:
    """A column of the lake: its name and type here, and what must hold of its value, in SQL and in words."""

    name: str
    kind: str
    rule: str
    words: str


ORDER_ID = ColumnRule("order_id", "bigint", "order_id > 0", "a number above 0")
STATUS = ColumnRule("status", "int", "status IN (0, 1)", "0 or 1")
TABLES: Mapping[str, tuple[ColumnRule, ...]] = {
    "orders": (
        ORDER_ID,
        ColumnRule("user_id", "int", "user_id > 0", "a number above 0"),
        ColumnRule("product_id", "int", "product_id > 0", "a number above 0"),
        ColumnRule("quantity", "int", "quantity > 0", "a number above 0"),
        ColumnRule("ordered_at", "timestamp", "ordered_at >= '2000-01-01'", "a time such as 2026-01-31 23:59:59.0"),
        STATUS,
        ColumnRule("messageid", "string", "messageid RLIKE '^[0-9a-f-]{36}$'", "a UUID"),
    ),
    "completed_orders": (
        ORDER_ID,
        ColumnRule("completed_at", "timestamp", "completed_at >= '2000-01-01'", "a time such as 2026-01-31 23:59:59.0"),
        STATUS,
        ColumnRule("completion_id", "bigint", "completion_id > 0", "a number above 0"),
    ),
}
"""The columns of the lake's tables, in its order. The first is what a row is known by."""

TIMES = {"orders": "ordered_at", "completed_orders": "completed_at"}


def checked_rows(lines: DataFrame, fields: Sequence[ColumnRule]) -> DataFrame:
    """The lines of a table, `value` and the folder `part` that they come from, as its fields.

    `reason` says what is wrong with a line, and is null for the others.
    """
    cells = F.split("value", ",", -1)
    number = F.size(cells)
    typed = lines.select(
        "part",
        "value",
        number.alias("cells"),
        *(F.get(cells, F.lit(index)).try_cast(field.kind).alias(field.name) for index, field in enumerate(fields)),
    )
    wrong = [F.when(F.col("cells") != len(fields), F.format_string(f"%d columns instead of {len(fields)}", "cells"))]
    wrong += [F.when(~F.coalesce(F.expr(f.rule), F.lit(False)), F.lit(f"{f.name}: not {f.words}")) for f in fields]
    return typed.select("part", "value", *(f.name for f in fields), F.coalesce(*wrong).alias("reason"))


def first_of_each(rows: DataFrame, fields: Sequence[ColumnRule]) -> DataFrame:
    """The good rows, each key once: the one that was imported first."""
    names = [field.name for field in fields]
    first = F.min(F.struct("part", *names)).alias("row")
    return rows.where("reason IS NULL").groupBy(names[0]).agg(first).select("row.*")


def with_completions(orders: DataFrame, completed: DataFrame) -> DataFrame:
    """The orders with the status 1 where they were completed since they were imported."""
    done = completed.select("order_id", F.lit(True).alias("done"))
    status = F.when(F.col("done"), F.lit(1)).otherwise(F.col("status"))
    return orders.join(done, "order_id", "left").withColumn("status", status).drop("done")


class Warehouse:
    """The warehouse in a folder that has the lake beside it."""

    def __init__(self, spark: SparkSession, files: Files) -> None:
        self._spark = spark
        self._files = files

    def refresh(self) -> WarehousePlan | None:
        """Rewrite the days that the lake's new parts change, and the plan; None when there is nothing new."""
        before = self._newest_plan()
        parts = {table: self._parts(table) for table in TABLES}
        until = {table: max(map(_until, names), default=0) for table, names in parts.items()}
        if until == before.until:
            return None
        new = {table: [part for part in names if _until(part) > before.until[table]] for table, names in parts.items()}
        version = "-".join([*(f"{number:020d}" for number in until.values()), uuid4().hex[:8]])
        rows = {table: checked_rows(self._lines(table, parts[table]), fields) for table, fields in TABLES.items()}
        with cached(rows["orders"]) as orders, cached(rows["completed_orders"]) as completed:
            self._quarantine({"orders": orders, "completed_orders": completed}, new)
            done = first_of_each(completed, TABLES["completed_orders"])
            all_orders = with_completions(first_of_each(orders, TABLES["orders"]), done)
            newly_done = done.where(F.col("part").isin(new["completed_orders"])).select("order_id")
            changed = all_orders.where(F.col("part").isin(new["orders"])).select("order_id").union(newly_done)
            folders = {
                "orders": self._write("orders", all_orders, all_orders.join(changed, "order_id", "semi"), version),
                "completed_orders": self._write(
                    "completed_orders", done, done.where(F.col("part").isin(new["completed_orders"])), version
                ),
            }
        plan = WarehousePlan(until, {table: before.days.get(table, {}) | days for table, days in folders.items()})
        self._stage(plan, version)
        return plan

    def _newest_plan(self) -> WarehousePlan:
        names = self._files.names(PLANS)
        if not names:
            return nothing()
        return msgspec.json.decode(self._files.read(f"{PLANS}/{names[-1]}"), type=WarehousePlan)

    def _parts(self, table: str) -> list[str]:
        return [name for name in self._files.names(f"{LAKE}/{table}") if name.replace("-", "").isdecimal()]

    def _lines(self, table: str, parts: Sequence[str]) -> DataFrame:
        folders = [self._files.url(f"{LAKE}/{table}/{part}") for part in parts]
        if not folders:
            return self._spark.createDataFrame([], "value string, part string")
        part = F.element_at(F.split("_metadata.file_path", "/"), -2)
        return self._spark.read.text(folders).select("value", part.alias("part"))

    def _quarantine(self, rows: Mapping[str, DataFrame], new: Mapping[str, Sequence[str]]) -> None:
        """Keep the broken lines of the new parts with the reason, in place of what an earlier try wrote."""
        for table, checked_rows in rows.items():
            broken = checked_rows.where(F.col("reason").isNotNull() & F.col("part").isin(list(new[table])))
            found = broken.select("part", "value", "reason").orderBy("part", "value").toArrow().to_pylist()
            for part in new[table]:
                lines = [msgspec.json.encode(line) for line in found if line["part"] == part]
                if lines:
                    self._files.write(f"{QUARANTINE}/{table}/{part}.aside", b"\n".join([*lines, b""]))
                    self._files.replace(f"{QUARANTINE}/{table}/{part}.aside", f"{QUARANTINE}/{table}/{part}.json")

    def _write(self, table: str, rows: DataFrame, changed: DataFrame, version: str) -> dict[str, str]:
        """Write all rows of the days of the changed ones; returns the folder of each of these days."""
        day = F.date_format(TIMES[table], "yyyy-MM-dd").alias("day")
        days = sorted(row.day for row in changed.select(day).distinct().collect())
        columns = [field.name for field in TABLES[table] if field.name not in {"messageid", "completion_id"}]
        wanted = (
            rows.select(*columns, day)
            .where(F.col("day").isin(days))
            .repartition("day")
            .sortWithinPartitions(columns[0])
        )
        with cached(wanted) as once:
            for form, options in FORMATS.items():
                writer = once.write.partitionBy("day").format(form).options(**options)
                writer.mode("overwrite").save(self._files.url(f"{FOLDER}/{table}/{form}/{version}"))
        return dict.fromkeys(days, version)

    def _stage(self, plan: WarehousePlan, version: str) -> None:
        self._files.write(f"{STAGED}/{version}.aside", msgspec.json.encode(plan))
        self._files.replace(f"{STAGED}/{version}.aside", f"{STAGED}/{version}.json")


def _until(part: str) -> int:
    return int(part.rpartition("-")[2])
