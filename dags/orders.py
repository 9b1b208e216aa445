"""### The shop's orders, from its database to the warehouse

Every five minutes, or as `ORDERS_SCHEDULE` says: imports the rows that `orders` and `completed_orders` got since the
last time from MySQL to the lake on HDFS by Sqoop, cleans them, and rewrites the days that they change; Hive and
Presto see a day's old rows or its new ones. Lines that are broken are kept with the reason. While the shop has no row,
a run ends after `anything_new`.

What was imported is known by the lake itself, so a run that is cleared and run again, or made up for a day that is
past, imports what is not there yet and changes nothing that is right.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.apache.hive.operators.hive import HiveOperator
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.apache.sqoop.operators.sqoop import SqoopOperator
from airflow.sdk import chain, dag, task
from airflow.sdk.exceptions import AirflowSkipException
from airflow.task.trigger_rule import TriggerRule

from eventmill.airflow import dag_factory
from eventmill.config.settings import Settings, load
from eventmill.lake import hive_tables as tables
from eventmill.lake import shop_imports, warehouse


@task
def new_rows(table: str) -> dict[str, Any]:
    """Passes on the numbers of the rows that are not in the lake yet; skips the import when there are none."""
    rows = shop_imports.rows_to_import(load(), table)
    if rows.after == rows.until:
        raise AirflowSkipException(f"{table} has no new rows")
    return {"after": rows.after, "until": rows.until, "folder": shop_imports.staging_folder(table, rows)}


@task
def into_lake(table: str, rows: dict[str, Any]) -> None:
    """Makes what Sqoop imported a part of the lake, in one step, and removes what earlier tries have left."""
    shop_imports.publish_import(load(), table, shop_imports.ImportedRows(rows["after"], rows["until"]))


@task(trigger_rule=TriggerRule.NONE_FAILED)
def anything_new() -> None:
    """Skips the rest of the run when the warehouse has all that the lake has."""
    settings = load()
    if warehouse.newest_plan(settings).until == shop_imports.until(settings):
        raise AirflowSkipException("the lake has nothing that the warehouse has not")


@task
def publish() -> None:
    """Points the partitions of the days that were rewritten to their new folders."""
    warehouse.publish_plan(load())


@task
def reconcile() -> None:
    """Compares orders and completions of each day in Hive with the shop's database; fails on any difference."""
    warehouse.require_same_days(load())


def imported(table: str) -> SqoopOperator:
    """The import of the new rows of a table; each try writes into a folder of its own."""
    source, rows = shop_imports.SOURCES[table], f"ti.xcom_pull(task_ids='new_{table}')"
    return SqoopOperator(
        task_id=f"import_{table}",
        doc_md=f"Imports the new rows of the shop's `{table}` by Sqoop, as text with commas.",
        conn_id="sqoop_shop",
        cmd_type="import",
        table=table,
        columns=",".join(source.columns),
        where=f"{source.number} <= {{{{ {rows}['until'] }}}}",
        target_dir=f"{{{{ {rows}['folder'] }}}}/{{{{ ti.try_number }}}}",
        num_mappers=1,
        extra_options={
            "incremental": "append",
            "check-column": source.number,
            "last-value": f"{{{{ {rows}['after'] }}}}",
        },
    )


def clean(settings: Settings) -> SparkSubmitOperator:
    """The job that cleans what is new."""
    return dag_factory.spark_job(
        settings,
        "warehouse",
        task_id="clean",
        doc_md="Checks types and values of what is new in the lake, keeps broken lines with their reason, drops "
        "copies, applies completions, and rewrites the days that this changes.",
    )


def hive_tables() -> HiveOperator:
    """The external tables."""
    return dag_factory.hive_tables_task(
        "warehouse",
        task_id="hive_tables",
        doc_md="Makes the external tables of `sql/hive/warehouse.sql` where they are missing.",
    )


@dag(
    dag_id="orders_warehouse",
    schedule=dag_factory.cron(load().orders_schedule),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=1),
    default_args=dag_factory.DEFAULTS,
    doc_md=__doc__,
    tags=["orders"],
    template_searchpath=str(tables.FOLDER),
    user_defined_macros=dag_factory.MACROS,
    on_failure_callback=dag_factory.failure_mail(load()),
)
def orders_warehouse() -> None:
    """Wires the imports beside each other, and the rest one after the other."""
    news: Any = anything_new()
    for table in shop_imports.SOURCES:
        rows: Any = new_rows.override(task_id=f"new_{table}")(table)
        chain(rows, imported(table), into_lake.override(task_id=f"{table}_into_lake")(table, rows), news)
    chain(news, clean(load()), hive_tables(), publish(), reconcile())


if "orders" in load().pipelines:
    orders_warehouse()
