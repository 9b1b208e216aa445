"""Airflow's REST interface: the runs that ended last."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from eventmill.airflow.rest_client import Airflow, Run
from tests.support import settings

ENDED = "2026-03-01T12:00:00Z"


def test_the_latest_run_of_each_dag_that_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    states = {"orders_warehouse": ["failed"], "compaction": ["success"], "game_report": []}

    def call(_: Airflow, method: str, path: str, params: dict[str, Any]) -> Any:
        assert method == "GET"
        if path == "dags":
            return {"dags": [{"dag_id": name} for name in states]}
        assert params == {"state": ["failed", "success"], "order_by": "-end_date", "limit": 1}
        name = path.split("/")[1]
        return {"dag_runs": [{"dag_run_id": "r1", "state": state, "end_date": ENDED} for state in states[name]]}

    monkeypatch.setattr(Airflow, "_call", call)
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert list(Airflow(settings()).latest()) == [
        Run("orders_warehouse", "r1", True, noon),
        Run("compaction", "r1", False, noon),
    ]
