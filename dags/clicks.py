"""### Which platforms shoppers come from

Every day: waits for the shop's export, sends it through NiFi to Kafka, counts the product views of each platform in
windows of `CLICKS_WINDOW_SECONDS` with the same Spark job that also runs continuously, makes the windows visible as the
Hive table `commerce`, and exports them to the MySQL table `commerce`. The run succeeds only if both hold the same, and
ends with a mail.

Every task can be cleared and run again: an export that was sent once is not sent twice, and MySQL's readers see the old
rows or the new rows.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from airflow.providers.apache.hive.operators.hive import HiveOperator
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.apache.sqoop.operators.sqoop import SqoopOperator
from airflow.providers.http.sensors.http import HttpSensor
from airflow.providers.smtp.operators.smtp import EmailOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import BaseOperator, PokeReturnValue, chain, dag, task

from eventmill.airflow import dag_factory
from eventmill.config.settings import ROOT, Settings, load
from eventmill.lake import hive_tables
from ops.maintenance.export import SQOOP_MAPPERS, SQOOP_OPTIONS, SQOOP_PROPERTIES, STAGING_SUFFIX

TABLE = "commerce"
WAIT = timedelta(hours=8)
KEEP_LANDINGS = 7


@task
def download(run: str) -> str:
    """Downloads the export and puts it into NiFi's inbox; passes on its name there.

    The file appears whole or not at all; an empty one fails the task. A file with the same content is not sent again.
    """
    from eventmill.lake import download as downloads
    from ops.senders import nifi_inbox

    settings = load()
    folder = settings.state_dir / "airflow" / "landing" / "clicks"
    landed = downloads.download(settings.clicks_export, folder / run / "clicks.json")
    downloads.prune(folder, KEEP_LANDINGS)
    return nifi_inbox.send_file(landed, settings, pipeline="clicks").name


# Not mode="reschedule": with pauses this short, Airflow 3.3 takes the end of one try for the failure of the next.
@task.sensor(poke_interval=3, timeout=WAIT.total_seconds(), execution_timeout=WAIT, mode="poke")
def in_kafka(name: str) -> bool:
    """Waits until NiFi has published all that it holds; a low `CLICKS_RATE` makes this the longest task."""
    from ops.senders import nifi_flow

    return nifi_flow.delivered(load(), "clicks", name)


@task.sensor(poke_interval=2, timeout=300, mode="poke")
def wait_for_result() -> PokeReturnValue:
    """Waits until HDFS has a finished batch, and passes on the time up to which all windows are final."""
    from ops.maintenance.export import final_until

    final = final_until(load(), "clicks")
    return PokeReturnValue(is_done=final is not None, xcom_value=final)


def make_staging(context: Any) -> None:
    """Creates `commerce_staging` again before each try, so that what is written there is that try and nothing else."""
    from eventmill.databases import mysql
    from ops.maintenance import export

    dag_factory.await_space(context)
    with mysql.connect(load()) as connection:
        export.make_staging(connection, TABLE)


@task
def publish() -> None:
    """Puts `commerce_staging` in the place of MySQL's `commerce`, at once."""
    from eventmill.databases import mysql
    from ops.maintenance import export

    with mysql.connect(load()) as connection:
        export.publish_export(connection, TABLE)


@task
def reconcile(final: str) -> list[tuple[str, int]]:
    """Compares windows and clicks of each day in HDFS, read through Hive, with MySQL; fails on any difference.

    Only windows that were final before the export are compared, for the continuous job may have closed more since.
    Passes on the clicks of each platform.
    """
    from eventmill.databases import mysql
    from ops.maintenance import export

    settings = load()
    with mysql.connect(settings) as connection:
        in_mysql = export.commerce_in_mysql(connection, final)
        export.require_equal(export.commerce_in_hive(settings, final), in_mysql)
        return export.commerce_by_source(connection)


def source_ready(settings: Settings) -> HttpSensor:
    """The sensor that the shop's export is there.

    Where no shop is set, the stack's own source may stay empty: then there is nothing to do, and nothing has failed.
    """
    return HttpSensor(
        task_id="source_ready",
        doc_md="Asks every 10 s whether the shop's export is there (`CLICKS_URL`); holds no worker while it waits. "
        "Without `CLICKS_URL` the run is skipped when none came.",
        http_conn_id="clicks_source",
        endpoint=urlsplit(settings.clicks_export)._replace(scheme="", netloc="").geturl(),
        method="HEAD",
        poke_interval=10,
        timeout=WAIT.total_seconds(),
        execution_timeout=WAIT,
        soft_fail=not settings.clicks_url,
        deferrable=True,
    )


def count_platforms(settings: Settings) -> SparkSubmitOperator:
    """The bounded run of the streaming job."""
    return dag_factory.bounded_run(
        settings,
        "clicks",
        task_id="count_platforms",
        doc_md="Counts what Kafka holds now, from the checkpoint of the continuous job. When that one runs, waits "
        "until it has counted as far.",
    )


def hive_table() -> HiveOperator:
    """The external table and its partitions."""
    return dag_factory.hive_tables_task(
        "clicks",
        task_id="hive_table",
        doc_md="Makes the external tables of `sql/hive/clicks.sql` where they are missing, and finds new days.",
    )


def export(settings: Settings) -> BaseOperator:
    """The export from Hive to MySQL's staging table."""
    if settings.export_by == "load-data":
        return BashOperator(
            task_id="export",
            doc_md="Creates MySQL's `commerce_staging` again and hands the files of Hive's `commerce` to MySQL's "
            "`LOAD DATA`, into that; a second try starts over.",
            bash_command=f'"$PYTHON" -m ops.maintenance.load_data clicks {TABLE}',
            cwd=str(ROOT),
        )
    return SqoopOperator(
        task_id="export",
        doc_md="Creates MySQL's `commerce_staging` again and exports the Hive table `commerce` there, by Sqoop and "
        "HCatalog; a second try starts over.",
        pre_execute=make_staging,
        cmd_type="export",
        table=f"{TABLE}{STAGING_SUFFIX}",
        hcatalog_database="default",
        hcatalog_table=TABLE,
        num_mappers=SQOOP_MAPPERS,
        properties=dict(SQOOP_PROPERTIES),
        extra_options=dict(SQOOP_OPTIONS),
    )


def mail(settings: Settings) -> EmailOperator:
    """The message that the run succeeded."""
    return EmailOperator(
        task_id="mail",
        doc_md="Mails the clicks of each platform to `MAIL_TO`.",
        to=settings.mail_to,
        subject="Clicks by platform: {{ run_id }}",
        html_content="clicks_mail.html",
    )


@dag(
    dag_id="ecommerce_platform",
    schedule=dag_factory.DAILY,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(days=1),
    default_args=dag_factory.DEFAULTS,
    doc_md=__doc__,
    tags=["clicks"],
    template_searchpath=str(hive_tables.FOLDER),
    user_defined_macros=dag_factory.MACROS,
    on_failure_callback=dag_factory.failure_mail(load()),
)
def ecommerce_platform() -> None:
    """Wires the tasks one after the other."""
    settings = load()
    name: Any = download("{{ run_id }}")
    final: Any = wait_for_result()
    chain(
        source_ready(settings),
        name,
        in_kafka(name),
        count_platforms(settings),
        final,
        hive_table(),
        export(settings),
        publish(),
        reconcile(final),
        mail(settings),
    )


if "clicks" in load().pipelines:
    ecommerce_platform()
