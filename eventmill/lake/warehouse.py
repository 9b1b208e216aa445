"""The shop's warehouse as Hive and Presto see it: each day's partition is where the newest plan says.

A day that changes is rewritten elsewhere, and then its partition is pointed there. So a reader sees the old rows of
a day or the new ones, whenever a process dies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from eventmill.config.errors import EventmillError
from eventmill.config.settings import Settings
from eventmill.databases import mysql, query_engines
from eventmill.lake import hive_tables, webhdfs

PIPELINE = "/eventmill/orders"
FOLDER = "data_warehouse"
PLANS, STAGED = f"{FOLDER}/_plans", f"{FOLDER}/_staged"
FORMATS: Mapping[str, Mapping[str, str]] = {
    "parquet": {"compression": "snappy"},
    "csv": {"timestampFormat": "yyyy-MM-dd HH:mm:ss.SSS"},
}
"""Formats of the warehouse, with the options of Spark's writer."""

SUFFIXES = {"parquet": "", "csv": "_text"}
"""Suffix of a Hive table's name, by the format of its rows."""


IN_SHOP = {
    "orders": "SELECT DATE(orderedAt), COUNT(*) FROM orders WHERE order_id <= %s GROUP BY 1",
    "completed_orders": "SELECT DATE(completedAt), COUNT(*) FROM completed_orders WHERE completion_id <= %s GROUP BY 1",
}
"""The rows of each day up to a number, in the shop's database."""


class WarehouseError(EventmillError):
    """The warehouse is not what the shop's database says; the message names the days."""


class WarehousePlan(msgspec.Struct, frozen=True):
    """The folders of the warehouse's days.

    Attributes:
        until: the last row of each table of the lake that it holds.
        days: by table and day, the folder that its rows are in.
    """

    until: dict[str, int]
    days: dict[str, dict[str, str]]


def nothing() -> WarehousePlan:
    """The plan of a warehouse that has no row of any table yet."""
    return WarehousePlan(dict.fromkeys(IN_SHOP, 0), {})


def publish_plan(settings: Settings) -> WarehousePlan | None:
    """Let Hive follow the newest plan that is staged, and remove what no plan needs; None when there is none."""
    names = webhdfs.names(settings, f"{PIPELINE}/{STAGED}")
    plans = [name for name in names if name.endswith(".json")]
    if not plans:
        return None
    plan, before = _read(settings, f"{STAGED}/{plans[-1]}"), newest_plan(settings)
    for table, day, folder in plan_changes(plan, before):
        for form, suffix in SUFFIXES.items():
            name, partition = f"{table}{suffix}", f"day={day}"
            place = _place(table, form, folder, day)
            query_engines.hive(settings, hive_tables.add_days(settings, "orders", name, {partition: place}))
            query_engines.hive(settings, hive_tables.move_day(settings, "orders", name, partition, place))
    webhdfs.make_folder(settings, f"{PIPELINE}/{PLANS}")
    webhdfs.rename(settings, f"{PIPELINE}/{STAGED}/{plans[-1]}", f"{PIPELINE}/{PLANS}/{plans[-1]}")
    webhdfs.delete(settings, f"{PIPELINE}/{STAGED}")
    _prune(settings, plan, before)
    return plan


def restore(settings: Settings) -> int:
    """Let Hive know those days of the newest plan that it does not know, as in a new metastore; returns how many."""
    found = 0
    for table, days in newest_plan(settings).days.items():
        for form, suffix in SUFFIXES.items():
            known = hive_tables.known_days(settings, f"{table}{suffix}")
            places = {f"day={day}": _place(table, form, folder, day) for day, folder in sorted(days.items())}
            if missing := {day: place for day, place in places.items() if day not in known}:
                query_engines.hive(settings, hive_tables.add_days(settings, "orders", f"{table}{suffix}", missing))
                found += len(missing)
    return found


def _place(table: str, form: str, folder: str, day: str) -> str:
    """The folder of a day, relative to the pipeline's."""
    return f"{FOLDER}/{table}/{form}/{folder}/day={day}"


def newest_plan(settings: Settings) -> WarehousePlan:
    """The plan that Hive follows; that of an empty warehouse before the first."""
    names = webhdfs.names(settings, f"{PIPELINE}/{PLANS}")
    return _read(settings, f"{PLANS}/{names[-1]}") if names else nothing()


def plan_changes(plan: WarehousePlan, before: WarehousePlan) -> Iterator[tuple[str, str, str]]:
    """Each table, day and folder of a plan that the one before did not have."""
    for table, days in plan.days.items():
        for day, folder in sorted(days.items()):
            if before.days.get(table, {}).get(day) != folder:
                yield table, day, folder


def _read(settings: Settings, path: str) -> WarehousePlan:
    return msgspec.json.decode(webhdfs.read(settings, f"{PIPELINE}/{path}"), type=WarehousePlan)


def _prune(settings: Settings, plan: WarehousePlan, before: WarehousePlan) -> None:
    """Remove the folders that neither plan needs; a query that began before the change may still read older ones."""
    for table in plan.days:
        needed = {*plan.days[table].values(), *before.days.get(table, {}).values()}
        for form in FORMATS:
            folder = f"{PIPELINE}/{FOLDER}/{table}/{form}"
            for name in set(webhdfs.names(settings, folder)) - needed:
                webhdfs.delete(settings, f"{folder}/{name}")


def require_same_days(settings: Settings) -> None:
    """Compare the orders and completions that the warehouse has with those of the shop's database.

    Raises:
        WarehouseError: naming the days on which they differ.
    """
    until = newest_plan(settings).until
    for table, statement in IN_SHOP.items():
        with mysql.connect(settings, settings.shop_database) as connection:
            cursor = connection.cursor()
            cursor.execute(statement, (until[table],))
            there = {str(day): int(number) for day, number in cursor.fetchall()}
        for suffix in SUFFIXES.values():
            query = f"SELECT `day`, COUNT(*) FROM {table}{suffix} GROUP BY `day`"  # noqa: S608 - names of our own
            found = {str(day): int(str(number)) for day, number in query_engines.hive(settings, query).rows}
            if differences := [day for day in sorted(there | found) if there.get(day) != found.get(day)]:
                raise WarehouseError(f"{table}{suffix} differs from the shop's database on {', '.join(differences)}")
