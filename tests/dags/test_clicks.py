"""The clicks DAG: it is parsed, its order, what each task is given, and what the UI says of it."""

import re
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from eventmill.config import settings
from eventmill.config.disk import Reserve
from eventmill.databases import mysql
from eventmill.lake import hive_tables
from ops.maintenance import export
from tests.support import settings as made_up

ORDER = [
    "source_ready",
    "download",
    "in_kafka",
    "count_platforms",
    "wait_for_result",
    "hive_table",
    "export",
    "publish",
    "reconcile",
    "mail",
]


def test_all_files_are_parsed(dagbag: Any) -> None:
    assert dagbag.import_errors == {}
    assert set(dagbag.dags) == {"ecommerce_platform", "game_report", "orders_warehouse", "compaction"}


def test_every_task_begins_only_when_the_disk_has_room(dagbag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[str] = []
    monkeypatch.setattr(Reserve, "wait", lambda *_: waited.append("for room"))
    monkeypatch.setattr(mysql, "connect", lambda _: nullcontext())
    monkeypatch.setattr(export, "make_staging", lambda *_: None)
    tasks = [task for dag in dagbag.dags.values() for task in dag.tasks]
    for task in tasks:
        task._pre_execute_hook({})
    assert len(waited) == len(tasks) > 20


def test_tasks_follow_one_after_the_other(clicks: Any) -> None:
    assert [task.task_id for task in clicks.topological_sort()] == ORDER
    for before, after in pairwise(ORDER):
        assert after in clicks.task_dict[before].downstream_task_ids


def test_one_run_a_day_and_none_for_the_past(clicks: Any) -> None:
    assert (clicks.catchup, clicks.start_date, clicks.max_active_runs) == (False, None, 1)
    assert clicks.dagrun_timeout == timedelta(days=1)


@pytest.mark.parametrize("name", ORDER)
def test_every_task_is_tried_again_with_growing_pauses_and_ends_in_time(clicks: Any, name: str) -> None:
    task = clicks.task_dict[name]
    assert task.retries == 2
    assert task.retry_exponential_backoff
    assert timedelta(0) < task.retry_delay < task.max_retry_delay
    assert task.execution_timeout <= clicks.dagrun_timeout


@pytest.mark.parametrize("name", ["source_ready", "in_kafka", "wait_for_result"])
def test_waits_end(clicks: Any, name: str) -> None:
    task = clicks.task_dict[name]
    assert 0 < task.timeout <= task.execution_timeout.total_seconds()


@pytest.mark.parametrize(("address", "skipped"), [("", True), ("http://shop.example.org/clicks.json", False)])
def test_only_an_export_of_a_shop_that_is_set_can_be_missed(address: str, skipped: bool) -> None:
    from dags.clicks import source_ready

    assert source_ready(made_up(clicks_url=address)).soft_fail is skipped


def test_waiting_for_the_shop_holds_no_worker(clicks: Any) -> None:
    assert clicks.task_dict["source_ready"].deferrable


@pytest.mark.parametrize("name", ORDER)
def test_every_task_explains_itself(clicks: Any, name: str) -> None:
    text = clicks.task_dict[name].doc_md
    assert len(text.split()) >= 6
    assert text.strip().endswith(".")


def test_the_dag_explains_itself(clicks: Any) -> None:
    assert clicks.doc_md.startswith("### Which platforms")


def test_a_failed_run_is_mailed(clicks: Any) -> None:
    callback = clicks.on_failure_callback
    notifiers = callback if isinstance(callback, list) else [callback]
    assert [notifier.to for notifier in notifiers] == ["analytics@example.org"]


def test_spark_runs_the_continuous_job_bounded(clicks: Any) -> None:
    task = clicks.task_dict["count_platforms"]
    assert task.application.endswith("spark_jobs/__main__.py")
    assert task.application_args == ["run", "clicks", "--bounded"]
    assert task.conf["spark.jars"].endswith("connector.jar")


def test_hive_gets_the_pipeline_s_tables_and_their_partitions(clicks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    task = clicks.task_dict["hive_table"]
    monkeypatch.setattr(hive_tables, "find_days", lambda _settings, pipeline: f"the days of {pipeline};")
    hql = clicks.get_template_env().from_string(task.hql).render()
    assert re.search(r"CREATE EXTERNAL TABLE IF NOT EXISTS\s+`?commerce\b", hql)
    assert hql.rstrip().endswith("the days of clicks;")


def test_the_export_can_be_repeated(clicks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    task = clicks.task_dict["export"]
    assert (task.hcatalog_table, task.table) == ("commerce", "commerce_staging")
    staged: list[str] = []
    monkeypatch.setattr(mysql, "connect", lambda _settings: nullcontext())
    monkeypatch.setattr(export, "make_staging", lambda _connection, table: staged.append(table))
    task._pre_execute_hook({})
    assert staged == ["commerce"]


def test_the_export_s_options_are_those_of_the_driver_s_file(clicks: Any) -> None:
    task = clicks.task_dict["export"]
    options = Path(task.extra_options["connection-param-file"]).read_text("utf-8")
    assert "useServerPrepStmts=true" in options.splitlines()
    assert task.properties["sqoop.export.records.per.statement"] == "1000"


class TaskInstance:
    """What the mail's template asks: the result of another task."""

    def __init__(self, result: object) -> None:
        self.result = result

    def xcom_pull(self, task_ids: str) -> object:
        """The result of `reconcile` only."""
        assert task_ids == "reconcile"
        return self.result


def mail(dag: Any, result: object) -> str:
    """The mail's text, when `reconcile` passed on that result."""
    template = dag.get_template_env().from_string(dag.task_dict["mail"].html_content)
    return str(template.render(ti=TaskInstance(result)))


def test_the_mail_has_a_row_a_platform_and_escapes_names(clicks: Any) -> None:
    page = mail(clicks, [["téléphone", 12], ["<b>", 3], ["a\x1b[2J\u202eb", 2]])
    rows = [("téléphone", "12"), ("&lt;b&gt;", "3"), (r"a\x1b[2J\u202eb", "2")]
    assert re.findall(r"<td>(.*?)</td><td>(\d+)</td>", page) == rows


def test_the_mail_without_any_clicks_has_no_row(clicks: Any) -> None:
    assert "<td>" not in mail(clicks, [])


@pytest.mark.parametrize("minutes", [1, 30, 143, 145, 1439])
def test_a_new_stack_waits_for_the_next_time(dagbag: Any, minutes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.timetables.base import TimeRestriction

    now = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(minutes=minutes)
    monkeypatch.setattr("airflow.timetables.trigger.utcnow", lambda: now)
    midnight, five_minutes = datetime(2026, 11, 24, tzinfo=UTC), timedelta(minutes=-minutes % 5)
    half_past_one = now.replace(hour=1, minute=30) + timedelta(days=minutes >= 90)
    due = {
        "ecommerce_platform": midnight,
        "game_report": midnight,
        "orders_warehouse": now + five_minutes,
        "compaction": half_past_one,
    }
    for name, dag in dagbag.dags.items():
        info = dag.timetable.next_dagrun_info(
            last_automated_data_interval=None,
            restriction=TimeRestriction(earliest=None, latest=None, catchup=dag.catchup),
        )
        assert info is not None
        assert info.run_after == due[name]


@pytest.fixture
def loading(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The DAG with the other way to export."""
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("EXPORT_BY", "load-data")
    settings.load.cache_clear()
    yield DagBag(dag_folder=str(settings.ROOT / "dags" / "clicks.py")).dags["ecommerce_platform"]
    settings.load.cache_clear()


def test_the_export_by_load_data_is_a_command_of_the_platform_s_python(loading: Any) -> None:
    assert loading.task_dict["export"].bash_command == '"$PYTHON" -m ops.maintenance.load_data clicks commerce'
    assert [task.task_id for task in loading.topological_sort()] == ORDER
