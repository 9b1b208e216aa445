"""### Who plays the game, what they buy, and their guilds

Every day: stores the events that Kafka holds with the same Spark job that also runs continuously, makes them visible as
Hive tables, checks through Presto that no event is missing from one of them, and mails the analytics report.

While no event of a player is stored yet, a run ends after its second task and mails nothing. Every task can be cleared
and run again: an event is stored once, and the report's files appear whole or not at all.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.apache.hive.operators.hive import HiveOperator
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.common.sql.operators.sql import SQLCheckOperator
from airflow.providers.smtp.operators.smtp import EmailOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import chain, dag, literal, task
from airflow.sdk.exceptions import AirflowSkipException

from eventmill.airflow import dag_factory
from eventmill.config.settings import Settings, load
from eventmill.lake import hive_tables as tables
from ops.reports import analytics_report

PIPELINE = "game"


def folder(settings: Settings) -> Path:
    """Folder of the report: in containers Airflow's services can write to their own folder only."""
    return settings.state_dir / "airflow" / "reports"


@task
def newest_batch() -> int:
    """Passes on the newest batch that is stored whole; skips the rest of the run while no event is stored."""
    from eventmill.lake import committed_batches

    settings = load()
    batch = committed_batches.newest_batch(settings, PIPELINE)
    if batch is None or not committed_batches.batch_totals(settings, PIPELINE, batch)["stored"]:
        raise AirflowSkipException("nobody has played yet")
    return batch


def store_events(settings: Settings) -> SparkSubmitOperator:
    """The bounded run of the streaming job."""
    return dag_factory.bounded_run(
        settings,
        PIPELINE,
        task_id="store_events",
        doc_md="Stores what Kafka holds now, from the checkpoint of the continuous job. When that one runs, waits "
        "until it has stored as much.",
    )


def hive_tables() -> HiveOperator:
    """The external tables and their partitions."""
    return dag_factory.hive_tables_task(
        PIPELINE,
        task_id="hive_tables",
        doc_md="Makes the external tables of `sql/hive/game.sql` where they are missing, and finds new days.",
    )


def check_tables() -> SQLCheckOperator:
    """The check that the tables hold the same events."""
    return SQLCheckOperator(
        task_id="check_tables",
        doc_md="Asks Presto whether there are events, and whether each purchase and each change of a guild is in its "
        "table too; up to `newest_batch` only, because the continuous job may be writing a later one.",
        conn_id="presto_default",
        sql="game_check.sql",
    )


def write_report(settings: Settings) -> BashOperator:
    """The report, by the platform's Python: Airflow's own has no matplotlib."""
    return BashOperator(
        task_id="write_report",
        doc_md="Asks Presto the queries of `sql/presto/game.sql` and writes the report as HTML and Markdown, by "
        "`eventmill report game`.",
        bash_command=f'exec "$PYTHON" -m ops.cli.main report {PIPELINE} --out "$REPORTS"',
        env={"REPORTS": str(folder(settings))},
        append_env=True,
    )


def mail_body(**_: Any) -> str:
    """The report's tables; they come from data, so they are no template."""
    return (folder(load()) / analytics_report.mail_file(PIPELINE)).read_text(encoding="utf-8")


def mail(settings: Settings) -> EmailOperator:
    """The message with the report."""
    return EmailOperator(
        task_id="mail",
        doc_md="Mails the report's tables to `MAIL_TO`, with the whole page attached: mail clients drop charts.",
        to=settings.mail_to,
        subject="The game: {{ run_id }}",
        html_content=mail_body,
        # Else the operator takes a name that ends with .html for that of a template.
        files=[literal(str(folder(settings) / analytics_report.page_file(PIPELINE)))],
    )


@dag(
    dag_id="game_report",
    schedule=dag_factory.DAILY,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(days=1),
    default_args=dag_factory.DEFAULTS,
    doc_md=__doc__,
    tags=[PIPELINE],
    template_searchpath=str(tables.FOLDER),
    user_defined_macros=dag_factory.MACROS,
    on_failure_callback=dag_factory.failure_mail(load()),
)
def game_report() -> None:
    """Wires the tasks one after the other."""
    settings = load()
    chain(
        store_events(settings),
        newest_batch(),
        hive_tables(),
        check_tables(),
        write_report(settings),
        mail(settings),
    )


if PIPELINE in load().pipelines:
    game_report()
