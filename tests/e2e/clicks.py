"""Helpers of the tests of the clicks pipeline."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from eventmill.airflow import rest_client
from eventmill.kafka import dead_letters
from ops.datagen import ground_truth
from ops.datagen.ground_truth import Truth
from ops.reports import demo
from ops.stack.engines import service_environment
from ops.stack.isolated_stack import IsolatedStack
from tests.e2e.pipeline import Pipeline

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
        return ground_truth.read_truth(self.truth_file)

    def counts(self) -> Counts:
        """The on-time product views of each window."""
        return {(f"{w.window_start:%Y-%m-%d %H:%M:%S}", w.source): w.count for w in self.truth.windows if w.count}


class Clicks(Pipeline):
    """The clicks pipeline of one stack."""

    def __init__(self, stack: IsolatedStack) -> None:
        super().__init__(stack, "clicks")

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

    def rejected_by_nifi(self) -> int:
        """How many records never came to the topic."""
        records = dead_letters.distinct(
            dead_letters.read_dead_letters(self.stack.settings, self.stack.settings.clicks_topic)
        )
        return dead_letters.summarise(records).origins[dead_letters.NIFI]

    def find_days(self) -> None:
        """Make Hive's tables and let it find the days that are new on HDFS, as the DAG does."""
        self.stack.eventmill("tables", "clicks")

    def run_bounded(self, **settings: str) -> None:
        """Run the pipeline's job to the end of what Kafka holds, with settings that differ."""
        environment = self.stack.environment | service_environment(self.stack.settings) | settings
        subprocess.run([sys.executable, "-m", "spark_jobs", "run", "clicks", "--bounded"], env=environment, check=True)

    def newest_mail(self) -> str:
        """The message that the mail sink got last."""
        files = [file for file in (self.stack.state_dir / "mail" / "new").iterdir() if file.is_file()]
        return max(files, key=lambda file: file.stat().st_mtime).read_text(encoding="utf-8")

    def run_dag(self, export: Path) -> dict[str, str]:
        """Run the DAG to its end on that export of the shop; returns the state of each task."""
        demo.export_from_shop(self.stack.settings, export)
        run = rest_client.trigger(self.stack.settings, "ecommerce_platform")
        return rest_client.wait(self.stack.settings, "ecommerce_platform", run, seconds=900)

    def counts(self, engine: str) -> Counts:
        """All product views in closed windows, as that engine reads them."""
        query = "SELECT window_start, source, source_number FROM commerce"
        return {
            (str(row["window_start"]), str(row["source"])): int(str(row["source_number"]))
            for row in self.rows(engine, query)
        }

    def verify(self, *options: str) -> None:
        """Check that every record is accounted for; raises AssertionError with the differences."""
        self.stack.eventmill("verify", self.name, *options)
