"""The game's DAG: its order, what each task is given, and what the UI says of it."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

ORDER = ["store_events", "newest_batch", "hive_tables", "check_tables", "write_report", "mail"]


@pytest.fixture
def game(dagbag: Any) -> Any:
    """The DAG of the game pipeline."""
    return dagbag.dags["game_report"]


def test_tasks_follow_one_after_the_other(game: Any) -> None:
    assert [task.task_id for task in game.topological_sort()] == ORDER
    for before, after in pairwise(ORDER):
        assert after in game.task_dict[before].downstream_task_ids


@pytest.mark.parametrize("name", ORDER)
def test_every_task_explains_itself_and_is_tried_again(game: Any, name: str) -> None:
    task = game.task_dict[name]
    assert task.doc_md.strip().endswith(".")
    assert (task.retries, task.retry_exponential_backoff) == (2, True)


def test_one_run_a_day_and_a_failed_one_is_mailed(game: Any) -> None:
    assert (game.catchup, game.start_date, game.max_active_runs) == (False, None, 1)
    callback = game.on_failure_callback
    notifiers = callback if isinstance(callback, list) else [callback]
    assert [notifier.to for notifier in notifiers] == ["analytics@example.org"]


def test_spark_runs_the_continuous_job_bounded(game: Any) -> None:
    assert game.task_dict["store_events"].application_args == ["run", "game", "--bounded"]


def test_hive_makes_the_tables_and_finds_their_days(game: Any) -> None:
    hql = game.task_dict["hive_tables"].hql
    assert "{% include 'game.sql' %}" in hql
    assert "{{ find_days('game') }}" in hql


def test_presto_is_asked_by_its_connection(game: Any) -> None:
    task = game.task_dict["check_tables"]
    assert task.conn_id == "presto_default"
    assert "FROM game_events" in task.sql


def test_the_report_is_written_by_the_platform_and_mailed(game: Any) -> None:
    report, mail = game.task_dict["write_report"], game.task_dict["mail"]
    assert "report game" in report.bash_command
    assert Path(str(mail.files[0].value)).parent == Path(report.env["REPORTS"])


class TaskInstance:
    """What a template meets of the run: the newest batch."""

    def xcom_pull(self, task_ids: str) -> int:
        """As Airflow's own."""
        assert task_ids == "newest_batch"
        return 12


def test_the_check_reads_whole_batches_only(game: Any) -> None:
    task = game.task_dict["check_tables"]
    statement = game.get_template_env().from_string(task.sql).render(ti=TaskInstance())
    assert statement.count("""COALESCE(CAST(regexp_extract("$path", 'batch-([0-9]+)-', 1) AS BIGINT), -1) <= 12""") == 4


def test_what_the_data_says_is_no_template_of_the_mail(
    game: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mail = game.task_dict["mail"]
    monkeypatch.setitem(mail.html_content.__globals__, "folder", lambda _: tmp_path)
    (tmp_path / "game-mail.html").write_text("{{ 7 * 7 }}")
    mail.render_template_fields({"run_id": "r1", "ti": None}, game.get_template_env())
    assert (mail.html_content, mail.subject) == ("{{ 7 * 7 }}", "The game: r1")
    assert [Path(file).name for file in mail.files] == ["game.html"]


def test_a_game_that_nobody_has_played_ends_the_run(game: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    newest_batch = game.task_dict["newest_batch"].python_callable
    monkeypatch.setattr("eventmill.lake.webhdfs.names", lambda *_: [])
    with pytest.raises(AirflowSkipException):
        newest_batch()
    monkeypatch.setattr("eventmill.lake.webhdfs.names", lambda *_: ["9", "10", "_tmp"])
    totals = {"records": 3, "stored": 0, "rejected": 3}
    monkeypatch.setattr("eventmill.lake.webhdfs.read_json", lambda *_: {"totals": totals})
    with pytest.raises(AirflowSkipException):
        newest_batch()
    totals["stored"] = 1
    assert newest_batch() == 10
