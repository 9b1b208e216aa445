"""The DAG that makes small files large ones: a task for each pipeline with days, one at a time."""

from typing import Any

import pytest


@pytest.fixture
def compaction(dagbag: Any) -> Any:
    """The DAG."""
    return dagbag.dags["compaction"]


def test_each_pipeline_with_days_is_compacted(compaction: Any) -> None:
    assert set(compaction.task_dict) == {f"compact_{pipeline}" for pipeline in ("clicks", "game", "carts", "orders")}
    for name, task in compaction.task_dict.items():
        assert task.bash_command.endswith(f"ops.cli.main compact {name.removeprefix('compact_')}")
        assert task.doc_md.strip().endswith(".")


def test_it_runs_one_task_at_a_time_every_night(compaction: Any) -> None:
    assert compaction.timetable.summary == "30 1 * * *"
    assert (compaction.catchup, compaction.max_active_runs, compaction.max_active_tasks) == (False, 1, 1)
