"""New days of the pipelines' tables become known to Hive, and so to Presto, while the jobs run.

A thread of the driver compares the days on HDFS with those that it has registered, again and again, so what fails
because Hive is away, or is cut off by a kill, is made good by the next look or by the next start.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from eventmill.config.settings import Settings
from eventmill.lake import hive_tables, partition_locations

LOG = logging.getLogger(__name__)
EVERY_SECONDS = 20
LAST_SECONDS = 20
"""Seconds for which the end of a run waits for its last days to be registered."""

Days = Mapping[str, Mapping[str, str]]
"""By table, its days, each with its folder."""


@contextmanager
def registered(settings: Settings, pipelines: Sequence[str]) -> Iterator[None]:
    """Register the days of these pipelines' tables as long as the block runs, and once more at its end."""
    registrar = Registrar(settings, [pipeline for pipeline in pipelines if pipeline in hive_tables.pipelines()])
    ended = threading.Event()
    thread = threading.Thread(target=registrar.run, args=(ended,), name="registering", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(LAST_SECONDS)


class Registrar:
    """Knows which days of some pipelines' tables are registered with Hive."""

    def __init__(self, settings: Settings, pipelines: Sequence[str]) -> None:
        self._settings = settings
        self._pipelines = pipelines
        self._done: dict[str, Days] = {}
        self._failing: set[str] = set()

    def run(self, ended: threading.Event) -> None:
        """Look for new days until the event, and once after it."""
        while not ended.is_set():
            self.look()
            ended.wait(EVERY_SECONDS)
        self.look()

    def look(self) -> None:
        """Register the days that are new since the last look that did not fail."""
        for pipeline in self._pipelines:
            try:
                self._look(pipeline)
                self._failing.discard(pipeline)
            except Exception as error:  # Whatever fails is tried again, and must not end the thread.
                # Once for as long as it lasts.
                level = logging.DEBUG if pipeline in self._failing else logging.WARNING
                LOG.log(level, "%s: Hive may not know new days yet: %s", pipeline, error)
                self._failing.add(pipeline)

    def _look(self, pipeline: str) -> None:
        days = partition_locations.days_of(self._settings, pipeline, hive_tables.partitioned(pipeline))
        if self._done.get(pipeline) != days:
            hive_tables.apply_hive_tables(self._settings, pipeline)
            self._done[pipeline] = days
