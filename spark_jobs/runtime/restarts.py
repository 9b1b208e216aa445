"""Restarts a streaming query that failed, alone and after growing pauses; the other queries of the process go on."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Protocol

from eventmill.config.settings import Settings
from eventmill.spark.job_state import JobState, StateFile
from spark_jobs.runtime.error_messages import reason_of

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Seconds before a restart; each is twice as long as the one before."""

SETTLED_SECONDS = 30
"""Seconds that a restarted query must run until it counts as running, unless it finishes a batch before."""

RESET_SECONDS = 300
"""Seconds that a query must run until its next failure is taken for a first one."""

STEP_SECONDS = 0.2

log = logging.getLogger(__name__)


class Query(Protocol):
    """A streaming query that was started."""

    def check(self) -> None:
        """Raise what ended the query, if it has ended."""

    def has_worked(self) -> bool:
        """True when it has finished a batch."""

    def stop(self) -> None:
        """End the query."""


@dataclass
class Restarts:
    """A streaming query that is started, watched and started again when it fails.

    Attributes:
        name: of the query, such as `carts` or `carts/shopping_carts`.
        start: starts the query again from its checkpoint.
        reason: why it failed last, in one line; empty when it runs.
        since: when it failed first, or from when on it has run.
        count: how often it was started again.
    """

    name: str
    start: Callable[[], Query]
    clock: Callable[[], float] = monotonic
    reason: str = ""
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    count: int = 0
    _query: Query | None = None
    _begun: float = 0.0
    _due: float = 0.0
    _pause: float = FIRST_PAUSE

    def run(self, stopping: threading.Event) -> None:
        """Keep the query running until the event, then end it."""
        while not stopping.wait(STEP_SECONDS):
            self.step()
        self._stop()

    def step(self) -> None:
        """Start the query if it is time to, or look how it is."""
        now = self.clock()
        try:
            if self._query:
                self._query.check()
                self._settle(self._query, now)
            elif now >= self._due:
                self.count += bool(self.reason)
                self._query, self._begun = self.start(), now
        except Exception as error:
            self._failed(error, now)

    @property
    def runs(self) -> bool:
        """True when the query was started and has not failed since, or has got over its failure."""
        return self._query is not None and not self.reason

    def _settle(self, query: Query, now: float) -> None:
        lasted = now - self._begun
        if self.reason and (lasted >= SETTLED_SECONDS or query.has_worked()):
            log.warning("%s runs again", self.name)
            self.reason, self.since = "", datetime.now(UTC)
        if lasted >= RESET_SECONDS:
            self._pause = FIRST_PAUSE

    def _failed(self, error: Exception, now: float) -> None:
        if not self.reason:
            self.since = datetime.now(UTC)
        self.reason = reason_of(error)
        traced = bool(os.environ.get("EVENTMILL_DEBUG"))
        log.error(
            "%s is restarted in %d s: %s", self.name, self._pause, self.reason, exc_info=error if traced else None
        )
        self._stop()
        self._due = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _stop(self) -> None:
        query, self._query = self._query, None
        if query:
            # It may have ended already, and the JVM with it; the batch that is cut off is replayed.
            with suppress(Exception):
                query.stop()


class QueryStates:
    """Keeps the files that tell how the queries of one pipeline are; see `eventmill.spark.job_state`."""

    def __init__(self, settings: Settings, pipeline: str, queries: Sequence[Restarts]) -> None:
        self._file = StateFile(settings, pipeline)
        self._sign = settings.state_dir / "jobs" / f"{pipeline}.runs"
        self._pipeline = pipeline
        self._queries = queries
        self._written: JobState | None = None
        self._told = False

    def update(self) -> None:
        """Write the state if it is another than before, and give a sign of life; none before the first start.

        A disk that is full costs no more than the signs.
        """
        try:
            self._update()
            self._told = False
        except OSError as error:
            if not self._told:
                log.warning("the state of %s cannot be written: %s", self._pipeline, error)
            self._told = True

    def _update(self) -> None:
        runs = all(query.runs for query in self._queries)
        state = self._state()
        if state != self._written and (runs or state.reason):
            self._file.write(state)
            self._written = state
        if self._written:
            self._file.touch()
        if runs:
            self._sign.touch()

    def fail(self, reason: str) -> None:
        """Write down that the process ends, and why."""
        with suppress(OSError):
            self._file.write(JobState(self._pipeline, "failed", datetime.now(UTC), reason, self._restarts()))

    def remove(self) -> None:
        """Take the state away, for the job was stopped."""
        self._file.remove()

    def _state(self) -> JobState:
        failing = [query for query in self._queries if query.reason]
        if not failing:
            since = max(query.since for query in self._queries)
            return JobState(self._pipeline, "running", since, restarts=self._restarts())
        reason = "; ".join(self._named(query) for query in failing)
        since = min(query.since for query in failing)
        return JobState(self._pipeline, "restarting", since, reason, self._restarts())

    def _named(self, query: Restarts) -> str:
        return query.reason if query.name == self._pipeline else f"query {query.name}: {query.reason}"

    def _restarts(self) -> int:
        return sum(query.count for query in self._queries)
