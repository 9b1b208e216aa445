"""Running a DAG through Airflow's REST interface, as the UI does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec
import requests

from eventmill.config.errors import EventmillError
from eventmill.config.polling import until
from eventmill.config.settings import Settings

TIMEOUT = 30
PARSE_SECONDS = 120
LOG_LINES = 15
MOST_DAGS = 100
ENDED = frozenset({"success", "failed"})

States = dict[str, str]


class Run(msgspec.Struct, frozen=True):
    """A run of a DAG that has ended, and whether it failed; the time is in UTC."""

    dag: str
    run_id: str
    failed: bool
    ended: datetime


class RunError(EventmillError):
    """A DAG run failed; the message names the tasks and ends with the last lines of their logs."""


class Airflow:
    """A client of the api-server, logged in as the user of the settings."""

    def __init__(self, settings: Settings, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self.url = f"http://{settings.airflow_host}:{settings.airflow_port}"
        self._login = {"username": settings.airflow_user, "password": settings.airflow_password}

    @cached_property
    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # no proxy lies between the services
        reply = session.post(f"{self.url}/auth/token", json=self._login, timeout=self._timeout)
        reply.raise_for_status()
        session.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"
        return session

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        reply = self._session.request(method, f"{self.url}/api/v2/{path}", timeout=self._timeout, **arguments)
        reply.raise_for_status()
        return reply.json()

    def knows(self, dag_id: str) -> bool:
        """True if the DAG was parsed."""
        found = self._call("GET", "dags", params={"dag_id_pattern": dag_id, "exclude_stale": "true"})
        return any(dag["dag_id"] == dag_id for dag in found["dags"])

    def trigger(self, dag_id: str) -> str:
        """Unpause the DAG and start a run; returns the run's id."""
        until(lambda: self.knows(dag_id), PARSE_SECONDS, f"Airflow has not parsed the DAG {dag_id}", every=1)
        self._call("PATCH", f"dags/{dag_id}", json={"is_paused": False})
        run = self._call("POST", f"dags/{dag_id}/dagRuns", json={"logical_date": None})
        return str(run["dag_run_id"])

    def state(self, dag_id: str, run_id: str) -> str:
        """The state of a run: queued, running, success or failed."""
        return str(self._call("GET", f"dags/{dag_id}/dagRuns/{run_id}")["state"])

    def latest(self) -> Iterator[Run]:
        """The run of each DAG that ended last; none of a DAG whose first one has not ended."""
        for dag in self._call("GET", "dags", params={"limit": MOST_DAGS, "exclude_stale": "true"})["dags"]:
            asked = {"state": sorted(ENDED), "order_by": "-end_date", "limit": 1}
            for run in self._call("GET", f"dags/{dag['dag_id']}/dagRuns", params=asked)["dag_runs"]:
                ended = datetime.fromisoformat(run["end_date"])
                yield Run(dag["dag_id"], run["dag_run_id"], run["state"] == "failed", ended)

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The run's tasks as Airflow gives them: task_id, state, duration in seconds, try_number …"""
        found = self._call("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances", params={"order_by": "start_date"})
        return list(found["task_instances"])

    def log_tail(self, task: dict[str, Any]) -> str:
        """The last lines of a task's last try."""
        path = f"dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}"
        logs = self._call("GET", f"{path}/logs/{task['try_number']}", params={"full_content": "true"})
        return "\n".join(_lines(logs["content"])[-LOG_LINES:])


def trigger(settings: Settings, dag_id: str) -> str:
    """Start a run of the DAG; returns the run's id."""
    return Airflow(settings).trigger(dag_id)


def wait(
    settings: Settings,
    dag_id: str,
    run_id: str,
    on_progress: Callable[[States], None] | None = None,
    seconds: float = 1800,
) -> States:
    """Wait until the run has ended, reporting the state of each task by name; returns the last states.

    Raises:
        RunError: when the run failed.
        DeadlineError: when it does not end in time.
    """
    client = Airflow(settings)

    def ended() -> bool:
        state = client.state(dag_id, run_id)
        if on_progress:
            on_progress(_states(client.tasks(dag_id, run_id)))
        return state in ENDED

    until(ended, seconds, f"run {run_id} of {dag_id} did not end within {seconds:.0f} s", every=1)
    tasks = client.tasks(dag_id, run_id)
    if client.state(dag_id, run_id) != "success":
        raise RunError(_failure(client, run_id, tasks))
    return _states(tasks)


def _states(tasks: list[dict[str, Any]]) -> States:
    return {task["task_id"]: task["state"] or "waiting" for task in tasks}


def _failure(client: Airflow, run_id: str, tasks: list[dict[str, Any]]) -> str:
    failed = [task for task in tasks if task["state"] == "failed"]
    parts = [f"task {task['task_id']} failed; the end of its log:\n{client.log_tail(task)}" for task in failed]
    return "\n".join([f"run {run_id} failed; see {client.url}", *parts])


def _lines(content: list[Any]) -> list[str]:
    """The messages of a log, with the error of those that carry one."""
    lines = []
    for entry in content:
        lines.append(entry["event"] if isinstance(entry, dict) else str(entry))
        if isinstance(entry, dict):
            lines += [f"{error['exc_type']}: {error['exc_value']}" for error in entry.get("error_detail") or ()]
    return lines
