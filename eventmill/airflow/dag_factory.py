"""Parts that the DAGs share: retries, the tasks that every pipeline has, and the mail about a failure."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.providers.apache.hive.operators.hive import HiveOperator
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.timetables.trigger import CronTriggerTimetable

from eventmill.config import disk
from eventmill.config.settings import ROOT, Settings, load
from eventmill.lake import hive_tables
from eventmill.spark.configuration import spark_configuration
from eventmill.text.printable import visible


def cron(expression: str) -> CronTriggerTimetable:
    """Runs at the times of a cron expression in UTC, the first at the next of them.

    A bare expression would make up for the last one when a stack is new less than a tenth of the time after it.
    """
    return CronTriggerTimetable(expression, timezone="UTC", run_immediately=timedelta(0))


DAILY = cron("0 0 * * *")


def await_space(_: Any) -> None:
    """Let a task begin only when the disk has room for what it writes."""
    disk.Reserve.of(load()).wait(logging.getLogger(__name__).warning)


DEFAULTS = {
    "owner": "eventmill",
    "retries": 2,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=5),
    "execution_timeout": timedelta(hours=1),
    "pre_execute": await_space,
}


def find_days(pipeline: str) -> str:
    """The statements by which Hive finds the days of a pipeline's tables, as of the moment that the task runs."""
    return hive_tables.find_days(load(), pipeline)


MACROS = {"find_days": find_days, "visible": visible}


def bounded_run(settings: Settings, pipeline: str, *, task_id: str, doc_md: str) -> SparkSubmitOperator:
    """A run of the pipeline's streaming job up to what Kafka holds now."""
    return spark_job(settings, "run", pipeline, "--bounded", task_id=task_id, doc_md=doc_md)


def spark_job(settings: Settings, *arguments: str, task_id: str, doc_md: str) -> SparkSubmitOperator:
    """A Spark job, by the arguments of `python -m spark_jobs`."""
    return SparkSubmitOperator(
        task_id=task_id,
        doc_md=doc_md,
        name=f"eventmill-{task_id}",
        application=str(ROOT / "spark_jobs" / "__main__.py"),
        application_args=[*arguments],
        conf=spark_configuration(settings),
    )


def hive_tables_task(pipeline: str, *, task_id: str, doc_md: str) -> HiveOperator:
    """The pipeline's external tables and their days; a DAG finds templates in `hive_tables.FOLDER`, and has MACROS."""
    return HiveOperator(
        task_id=task_id,
        doc_md=doc_md,
        hql=f"{{% include '{hive_tables.script(pipeline).name}' %}}\n{{{{ find_days('{pipeline}') }}}}",
        mapred_job_name=f"eventmill-{pipeline}",
    )


def failure_mail(settings: Settings) -> SmtpNotifier:
    """The message that a run failed."""
    return SmtpNotifier(
        to=settings.mail_to,
        subject="FAILED: {{ dag.dag_id }} {{ run_id }}",
        html_content="<p>Run {{ run_id | e }} of {{ dag.dag_id }} failed: {{ reason | e }}.</p>",
    )
