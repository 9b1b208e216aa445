"""### Small files

Every night, or as `COMPACTION_SCHEDULE` says: rewrites the many small files of closed days as few large ones, in
each pipeline's Parquet tables. Hive and Presto see a day's old files or its new ones; the continuous jobs go on
meanwhile. The logs tell the files and the time of a scan before and after.

A run that ended in the middle is finished by the next one.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import dag

from eventmill.airflow import dag_factory
from eventmill.config.settings import load
from eventmill.lake import hive_tables


def compact(pipeline: str) -> BashOperator:
    """The compaction of a pipeline's tables, by the platform's Python: Airflow's own has no Arrow."""
    return BashOperator(
        task_id=f"compact_{pipeline}",
        doc_md=f"Compacts closed days of the tables of `sql/hive/{pipeline}.sql`, by `eventmill compact {pipeline}`.",
        bash_command=f'exec "$PYTHON" -m ops.cli.main compact {pipeline}',
    )


@dag(
    dag_id="compaction",
    schedule=dag_factory.cron(load().compaction_schedule),
    catchup=False,
    max_active_runs=1,
    max_active_tasks=1,
    dagrun_timeout=timedelta(days=1),
    default_args=dag_factory.DEFAULTS,
    doc_md=__doc__,
    tags=["maintenance"],
    on_failure_callback=dag_factory.failure_mail(load()),
)
def compaction() -> None:
    """A task for each pipeline that has days; one at a time, for each reads and writes what a day holds."""
    for pipeline in load().pipelines:
        if pipeline in hive_tables.pipelines() and hive_tables.partitioned(pipeline):
            compact(pipeline)


compaction()
