"""Helpers of the tests of any pipeline."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil

from eventmill.config.polling import until
from eventmill.lake import checkpoint_progress, partition_locations, webhdfs
from ops.stack.engines import enabled_services
from ops.stack.isolated_stack import IsolatedStack
from ops.stack.supervisor import Supervisor


class Pipeline:
    """One pipeline of a stack."""

    def __init__(self, stack: IsolatedStack, name: str) -> None:
        self.stack = stack
        self.name = name
        self.supervisor = Supervisor(stack.settings)

    def start(self) -> None:
        """Start what does not run, the continuous jobs too, and wait until the pipeline's has nothing left to do."""
        programs = self.supervisor.programs()
        if not all(programs[service.name].state == "RUNNING" for service in enabled_services(self.stack.settings)):
            self.stack.eventmill("up", seconds=900)
        self.stack.eventmill("jobs", "start")
        self.wait_until_processed()

    def held(self) -> int:
        """How many records the topic has had."""
        return sum(checkpoint_progress.held(self.stack.settings, self.name).values())

    def wait_until_held(self, records: int, seconds: float = 300) -> None:
        """Wait until the topic has had so many records."""
        until(lambda: self.held() >= records, seconds, f"Kafka has {self.held()} of {records} records", every=1)

    def processed(self) -> int:
        """How many records the job has processed for good."""
        return sum(checkpoint_progress.committed(self.stack.settings, self.name).values())

    def wait_until_processed(self, seconds: float = 300) -> None:
        """Wait until the job has processed what Kafka holds."""
        until(
            lambda: checkpoint_progress.waiting_records(self.stack.settings, self.name) == 0,
            seconds,
            f"the job of {self.name} has records left after {seconds} s",
            every=1,
        )

    def wait_for_a_batch(self, seconds: float = 120) -> None:
        """Wait until the job has finished one more batch, or has nothing left to do."""
        before = self.processed()
        until(
            lambda: (
                self.processed() > before or not checkpoint_progress.waiting_records(self.stack.settings, self.name)
            ),
            seconds,
            "the job has not finished a batch",
        )

    def wait(self, seconds: float) -> None:
        """Let so much time pass, for what is to happen at a moment that only chance decides."""
        moment = time.monotonic() + seconds
        until(lambda: time.monotonic() >= moment, seconds + 10, "time stands still", every=0.05)

    def kill(self, name: str) -> None:
        """End a service or job at once, with all its processes, as a power cut would.

        One that is just being started again, for what it needs was killed before, is killed when it runs.
        """
        until(lambda: self._killed(name), 120, f"{name} does not run")

    def _killed(self, name: str) -> bool:
        try:
            parent = psutil.Process(self.supervisor.programs()[name].pid)
            processes = [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return False
        for process in processes:
            # Some end by themselves as soon as their parent has.
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        return True

    def report(self, *options: str) -> dict[str, Any]:
        """The report of `eventmill verify` on the pipeline, differences too."""
        answer = self.stack.eventmill("verify", self.name, *options, "--format", "json", check=False).stdout
        [found] = json.loads(answer)
        return dict(found)

    @contextmanager
    def file_away(self, table: str) -> Iterator[None]:
        """A file of a table's oldest day is not there while the block runs."""
        folder = next(iter(partition_locations.days(self.stack.settings, self.name, table).values()))
        day = partition_locations.path(self.name, folder)
        file = next(entry for entry in webhdfs.entries(self.stack.settings, day) if not entry.is_hidden).name
        aside = partition_locations.path(self.name, "staging-of-a-test.parquet")
        webhdfs.rename(self.stack.settings, f"{day}/{file}", aside)
        try:
            yield
        finally:
            webhdfs.rename(self.stack.settings, aside, f"{day}/{file}")

    def rows(self, engine: str, query: str) -> list[dict[str, object]]:
        """The rows that `eventmill sql` gives, by column."""
        answer = self.stack.eventmill("sql", engine, query, "--format", "json").stdout
        return [dict(row) for row in json.loads(answer)]

    def rows_of(self, query: str) -> list[dict[str, object]]:
        """The rows of a named query."""
        return [dict(row) for row in json.loads(self.stack.eventmill("query", query, "--format", "json").stdout)]
