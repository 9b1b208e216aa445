"""Pipelines that count: events by tumbling window and label, each counted once, late and broken ones apart."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame

from eventmill.contracts.events import Event
from eventmill.lake.hadoop_files import Files
from spark_jobs.processing import window_aggregation
from spark_jobs.processing.deduplication import BatchSummary
from spark_jobs.processing.lateness import TAGGED_ROWS, Rule, tagger
from spark_jobs.processing.micro_batch import MicroBatch, Reject
from spark_jobs.processing.refusals import Refusals
from spark_jobs.processing.window_aggregation import Count
from spark_jobs.source.kafka_stream import map_records
from spark_jobs.state.state_store import StateStore
from spark_jobs.state.watermark import Pace, Progress


@dataclass(frozen=True)
class Windows:
    """The windows' length in seconds, and the pace at which they close."""

    seconds: int
    pace: Pace


@dataclass(frozen=True)
class Counted:
    """Events to count: their contract, and the path of the field to count by."""

    contract: type[Event]
    label: str


class WindowCounts(MicroBatch):
    """Counts what comes in each micro-batch; what becomes of the counts is said by `_publish`."""

    def __init__(self, files: Files, counted: Counted, windows: Windows, reject: Reject) -> None:
        super().__init__(files, StateStore(files, window_aggregation.SEEN, windows.seconds), windows.pace, reject)
        self.keyed_by = counted.label
        self._counted = counted
        self._windows = windows

    def _tagged(self, batch: DataFrame, before: Progress, refusals: Refusals) -> DataFrame:
        rule = Rule.of(self._windows.seconds * 1_000_000, self._windows.pace, before)
        tag = tagger(self._counted.contract, self._counted.label, rule, refusals=refusals)
        return map_records(batch, tag, TAGGED_ROWS)

    def _judged(self, seen: DataFrame, tagged: DataFrame, before: Progress) -> DataFrame:  # noqa: ARG002
        return window_aggregation.judge(seen, tagged, self._windows.seconds, self._windows.pace.ahead)

    def _final(self, summary: BatchSummary, before: Progress, after: Progress) -> int:
        return sum(count.number for count in self._counts(summary, before) if count.window_end <= after.closed)

    def _counts(self, summary: BatchSummary, before: Progress) -> list[Count]:
        return window_aggregation.open_counts(summary, before.closed, self._windows.seconds)

    def _needed(self, judged: DataFrame, after: Progress) -> DataFrame:
        windows = self._windows
        return window_aggregation.still_needed(judged, after.closed, windows.seconds, windows.pace.watermark)
