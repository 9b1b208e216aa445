"""What the tests of the clicks line do with its stack."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from eventmill import airflow, demo, progress, rejected, truth
from eventmill.beside import StackBeside
from eventmill.supervisor import Supervisor
from eventmill.truth import Truth
from eventmill.wait import until

Counts = dict[tuple[str, str], int]
"""Product views by start of the window (`yyyy-MM-dd HH:mm:ss`) and source."""


@dataclass(frozen=True)
class Sample:
    """A generated file and its truth."""

    file: Path
    truth_file: Path

    @property
    def truth(self) -> Truth:
        """What the file holds."""
        return truth.read(self.truth_file)

    def counts(self) -> Counts:
        """The on-time product views of each window."""
        return {(f"{w.window_start:%Y-%m-%d %H:%M:%S}", w.source): w.count for w in self.truth.windows if w.count}


class Clicks:
    """The clicks line of one stack."""

    def __init__(self, stack: StackBeside) -> None:
        self.stack = stack
        self.supervisor = Supervisor(stack.settings)

    def generate(self, folder: Path, name: str, *options: str) -> Sample:
        """Product views that are newer than all that the stack has counted."""
        sample = Sample(folder / f"{name}.json", folder / f"{name}-truth.json")
        start = demo.next_start(self.stack.settings).isoformat()
        files = ("--out", str(sample.file), "--truth", str(sample.truth_file))
        self.stack.eventmill("generate", "clicks", "--start", start, *files, *options)
        return sample

    def send(self, file: Path, *options: str) -> str:
        """Send a file through NiFi and wait until Kafka has it; returns what was printed."""
        return self.stack.eventmill("send", "clicks", str(file), *options).stdout

    def drop(self, file: Path, name: str) -> None:
        """Put a copy into NiFi's inbox, as any program may: a hidden file that is then renamed."""
        inbox = self.stack.state_dir / "nifi" / "inbox" / "clicks"
        hidden = inbox / f".{name}"
        hidden.write_bytes(file.read_bytes())
        hidden.rename(inbox / name)

    def held(self) -> int:
        """How many records the topic has had."""
        return sum(progress.held(self.stack.settings, "clicks").values())

    def wait_until_held(self, records: int, seconds: float = 300) -> None:
        """Wait until the topic has had so many records."""
        until(lambda: self.held() >= records, seconds, f"Kafka has {self.held()} of {records} records", every=1)

    def rejected_by_nifi(self) -> int:
        """How many records never came to the topic."""
        records = rejected.distinct(rejected.read(self.stack.settings, self.stack.settings.clicks_topic))
        return rejected.summary(records).origins[rejected.NIFI]

    def find_days(self) -> None:
        """Let Hive find the days that are new on HDFS, as the DAG does."""
        self.stack.eventmill("sql", "hive", "MSCK REPAIR TABLE commerce")

    def newest_mail(self) -> str:
        """The message that the mail sink got last."""
        files = [file for file in (self.stack.state_dir / "mail" / "new").iterdir() if file.is_file()]
        return max(files, key=lambda file: file.stat().st_mtime).read_text(encoding="utf-8")

    def processed(self) -> int:
        """How many records the job has processed for good."""
        return sum(progress.committed(self.stack.settings, "clicks").values())

    def wait_until_processed(self, seconds: float = 300) -> None:
        """Wait until the job has processed what Kafka holds."""
        until(
            lambda: progress.waiting(self.stack.settings, "clicks") == 0,
            seconds,
            f"the job has {progress.waiting(self.stack.settings, 'clicks')} records left after {seconds} s",
            every=1,
        )

    def wait_for_a_batch(self) -> None:
        """Wait until the job has finished one more batch, or has nothing left to do."""
        before = self.processed()
        until(
            lambda: self.processed() > before or not progress.waiting(self.stack.settings, "clicks"),
            120,
            "the job has not finished a batch",
        )

    def wait(self, seconds: float) -> None:
        """Let so much time pass, for what is to happen at a moment that only chance decides."""
        moment = time.monotonic() + seconds
        until(lambda: time.monotonic() >= moment, seconds + 10, "time stands still", every=0.05)

    def kill(self, name: str) -> None:
        """End a service or job at once, with all its processes, as a power cut would."""
        parent = psutil.Process(self.supervisor.programs()[name].pid)
        for process in [parent, *parent.children(recursive=True)]:
            os.kill(process.pid, signal.SIGKILL)

    def run_dag(self, export: Path) -> dict[str, str]:
        """Run the DAG to its end on that export of the shop; returns the state of each task."""
        demo.export_from_shop(self.stack.settings, export)
        run = airflow.trigger(self.stack.settings, "ecommerce_platform")
        return airflow.wait(self.stack.settings, "ecommerce_platform", run, seconds=900)

    def rows(self, engine: str, query: str) -> list[dict[str, object]]:
        """The rows that `eventmill sql` gives, by column."""
        answer = self.stack.eventmill("sql", engine, query, "--format", "json").stdout
        return [dict(row) for row in json.loads(answer)]

    def rows_of(self, query: str) -> list[dict[str, object]]:
        """The rows of a named query."""
        return [dict(row) for row in json.loads(self.stack.eventmill("query", query, "--format", "json").stdout)]

    def counts(self, engine: str) -> Counts:
        """All product views in closed windows, as that engine reads them."""
        query = "SELECT window_start, source, source_number FROM commerce"
        return {
            (str(row["window_start"]), str(row["source"])): int(str(row["source_number"]))
            for row in self.rows(engine, query)
        }

    def verify(self, *options: str) -> None:
        """Check that every record is accounted for; raises AssertionError with the differences."""
        self.stack.eventmill("verify", *options)
