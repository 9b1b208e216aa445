"""The latest run of each DAG, asked of Airflow now and then."""

from __future__ import annotations

from time import monotonic

import requests

from api.overview.background import Asked
from eventmill.airflow.rest_client import Airflow, Run
from eventmill.config.settings import Settings

FRESH_SECONDS = 15.0
TIMEOUT = 5.0


class DagRuns:
    """The runs as Airflow last told them; none where its password is not known here."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._asked = Asked[list[Run]]()
        self._airflow: Airflow | None = None
        self._last: list[Run] = []
        self._until = 0.0

    def begin(self) -> None:
        """Ask, when the last answer is old."""
        if monotonic() > self._until and hasattr(self._settings, "airflow_password"):
            self._asked.begin(self._ask)

    def answer(self, until: float) -> tuple[list[Run], list[str]]:
        """The runs, and why they are as of before; Airflow's page tells already when it is away."""
        if not self._asked.is_open:
            return self._last, []
        try:
            self._last = self._asked.answer(until)
        except (TimeoutError, requests.ConnectionError, requests.Timeout):
            return self._last, []
        except requests.RequestException as error:
            return self._last, [f"Airflow does not tell of its runs: {error}"]
        self._until = monotonic() + FRESH_SECONDS
        return self._last, []

    def _ask(self) -> list[Run]:
        airflow, self._airflow = self._airflow or Airflow(self._settings, TIMEOUT), None
        found = list(airflow.latest())
        # Kept while it serves: a login lasts a day.
        self._airflow = airflow
        return found
