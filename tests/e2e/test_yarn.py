"""The clicks and the visits on YARN come to the same results, while an executor and the node manager are killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from eventmill.config.polling import until
from eventmill.config.settings import ROOT
from eventmill.kafka import forwarder
from ops.stack.engines import service_environment
from ops.stack.isolated_stack import IsolatedStack
from tests.e2e.clicks import Clicks
from tests.e2e.pipeline import Pipeline

EXECUTOR = "YarnCoarseGrainedExecutorBackend"
FAULTS = ("--late", "1%", "--duplicates", "1%", "--broken", "1%")


class Jobs:
    """The jobs of both pipelines in one process, whose executors run on YARN."""

    def __init__(self, stack: IsolatedStack) -> None:
        self._folder = stack.state_dir
        self._environment = stack.environment | service_environment(stack.settings) | {"SPARK_MASTER": "yarn"}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start them, as whoever runs them does again when they end."""
        command = [sys.executable, "-m", "spark_jobs", "run", "clicks", "visits"]
        with (self._folder / "logs" / "yarn-jobs.log").open("ab") as log:
            self._process = subprocess.Popen(command, env=self._environment, cwd=ROOT, stdout=log, stderr=log)

    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process is None or self._process.poll() is not None

    def stop(self) -> None:
        """End them after the batches at work."""
        if self._process and not self.has_ended():
            self._process.terminate()
            self._process.wait(120)

    def kill_an_executor(self) -> None:
        """End one of the processes that YARN has started for them."""
        until(self._killed, 120, "no executor runs")

    def _killed(self) -> bool:
        running = (process for process in psutil.process_iter(["cmdline"]) if self._is_ours(process.info["cmdline"]))
        for process in running:
            process.send_signal(signal.SIGKILL)
            return True
        return False

    def _is_ours(self, command: list[str] | None) -> bool:
        """Whether a command line is that of an executor of this stack, not of the shell that starts it."""
        text = " ".join(command or ())
        return text.partition(" ")[0].endswith("/java") and f"{self._folder}/" in text and EXECUTOR in text


@pytest.fixture
def jobs(stack: IsolatedStack, clicks: Clicks) -> Iterator[Jobs]:
    """Jobs on YARN instead of the stack's own."""
    clicks.supervisor.stop("jobs")
    stack.eventmill("up", "nodemanager", seconds=600)
    on_yarn = Jobs(stack)
    on_yarn.start()
    yield on_yarn
    on_yarn.stop()
    for service in ("nodemanager", "resourcemanager"):
        clicks.supervisor.stop(service)


@pytest.mark.long
def test_killed_parts_of_yarn_leave_both_pipelines_exact(jobs: Jobs, clicks: Clicks, tmp_path: Path) -> None:
    stack, visits = clicks.stack, Pipeline(clicks.stack, "visits")
    sample = clicks.generate(tmp_path, "yarn", "--count", "20000", "--span", "2h", "--seed", "61", *FAULTS)
    logs, truth = tmp_path / "logs.json", tmp_path / "logs-truth.json"
    options = ("--count", "3000", "--seed", "62", "--start", "2026-05-01T00:00:00Z")
    stack.eventmill("generate", "visits", "--out", str(logs), "--truth", str(truth), *options)
    clicks.send(sample.file)
    stack.eventmill("send", "visits", str(logs))
    until(lambda: forwarder.lag(stack.settings) == 0, 120, "not all is forwarded", every=1)
    # The first time, all that executors need is brought to them.
    clicks.wait_for_a_batch(600)
    jobs.kill_an_executor()
    clicks.wait_for_a_batch()
    assert not jobs.has_ended()
    clicks.kill("nodemanager")
    until(jobs.has_ended, 180, "the jobs have not lost their node")
    jobs.start()
    for pipeline in (clicks, visits):
        pipeline.wait_until_processed()
    clicks.find_days()
    clicks.verify("--truth", str(sample.truth_file))
    stack.eventmill("verify", "visits")
