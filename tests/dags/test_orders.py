"""The DAG of the shop's orders: its order, what each task is given, and when it does nothing."""

from itertools import pairwise
from typing import Any

import pytest

from eventmill.lake import shop_imports, warehouse

IMPORTS = {f"{step}{table}" for table in shop_imports.SOURCES for step in ("new_", "import_")}
INTO_LAKE = {f"{table}_into_lake" for table in shop_imports.SOURCES}
ORDER = ["anything_new", "clean", "hive_tables", "publish", "reconcile"]


@pytest.fixture
def orders(dagbag: Any) -> Any:
    """The DAG of the orders pipeline."""
    return dagbag.dags["orders_warehouse"]


def test_both_tables_are_imported_before_the_rest(orders: Any) -> None:
    assert set(orders.task_dict) == IMPORTS | INTO_LAKE | set(ORDER)
    for table in shop_imports.SOURCES:
        assert f"import_{table}" in orders.task_dict[f"new_{table}"].downstream_task_ids
        assert f"{table}_into_lake" in orders.task_dict[f"import_{table}"].downstream_task_ids
        assert "anything_new" in orders.task_dict[f"{table}_into_lake"].downstream_task_ids
    for before, after in pairwise(ORDER):
        assert after in orders.task_dict[before].downstream_task_ids


def test_every_task_explains_itself_and_is_tried_again(orders: Any) -> None:
    for task in orders.tasks:
        assert task.doc_md.strip().endswith("."), task.task_id
        assert (task.retries, task.retry_exponential_backoff) == (2, True)


def test_it_runs_every_five_minutes_one_at_a_time(orders: Any) -> None:
    assert orders.timetable.summary == "*/5 * * * *"
    assert (orders.catchup, orders.start_date, orders.max_active_runs) == (False, None, 1)


class TaskInstance:
    """What a template meets of the run."""

    try_number = 2

    def xcom_pull(self, task_ids: str) -> dict[str, Any]:
        """As Airflow's own."""
        assert task_ids == "new_orders"
        return {"after": 10, "until": 25, "folder": "/lake/aside"}


def test_sqoop_appends_the_new_rows_only(orders: Any) -> None:
    task = orders.task_dict["import_orders"]
    rendered = [
        orders.get_template_env().from_string(text).render(ti=TaskInstance())
        for text in (task.where, task.target_dir, task.extra_options["last-value"])
    ]
    assert rendered == ["order_id <= 25", "/lake/aside/2", "10"]
    assert (task.conn_id, task.table, task.extra_options["check-column"]) == ("sqoop_shop", "orders", "order_id")
    assert task.extra_options["incremental"] == "append"


def test_no_new_rows_and_nothing_to_clean_end_the_run(orders: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    monkeypatch.setattr(shop_imports, "rows_to_import", lambda *_: shop_imports.ImportedRows(7, 7))
    with pytest.raises(AirflowSkipException):
        orders.task_dict["new_orders"].python_callable("orders")
    monkeypatch.setattr(shop_imports, "rows_to_import", lambda *_: shop_imports.ImportedRows(7, 9))
    assert orders.task_dict["new_orders"].python_callable("orders")["until"] == 9
    until = {"orders": 7, "completed_orders": 2}
    monkeypatch.setattr(shop_imports, "until", lambda _: until)
    monkeypatch.setattr(warehouse, "newest_plan", lambda _: warehouse.WarehousePlan(until, {}))
    with pytest.raises(AirflowSkipException):
        orders.task_dict["anything_new"].python_callable()
    monkeypatch.setattr(
        warehouse, "newest_plan", lambda _: warehouse.WarehousePlan({"orders": 6, "completed_orders": 2}, {})
    )
    assert orders.task_dict["anything_new"].python_callable() is None


def test_spark_cleans(orders: Any) -> None:
    assert orders.task_dict["clean"].application_args == ["warehouse"]


def test_a_run_on_a_new_stack_does_nothing(orders: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    monkeypatch.setattr("eventmill.lake.webhdfs.names", lambda *_: [])
    monkeypatch.setattr(shop_imports, "_newest", lambda *_: 0)
    for name, given in (("new_orders", ("orders",)), ("anything_new", ())):
        with pytest.raises(AirflowSkipException):
            orders.task_dict[name].python_callable(*given)
    assert orders.task_dict["clean"].trigger_rule == "all_success", "skipped with what it follows"
