"""The steps of a micro-batch, the same for each pipeline: judge, publish, reject, keep the state.

Each step may be the last before a crash: the batch is then replayed from the state before it, and every step replaces
what it wrote before. A batch of which a sink refuses some records is replayed in the same way, with these rejected.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from msgspec.structs import replace
from pyspark import StorageLevel
from pyspark.sql import DataFrame

from eventmill.lake.hadoop_files import Files
from spark_jobs.processing.deduplication import BatchSummary
from spark_jobs.processing.packed_records import Outcome
from spark_jobs.processing.refusals import Refusals, RefusedError
from spark_jobs.source.kafka_reader import lost_of_batch
from spark_jobs.state import watermark
from spark_jobs.state.state_store import State, StateStore
from spark_jobs.state.watermark import Pace, Progress

STAGING = "staging"
log = logging.getLogger(__name__)

Reject = Callable[[DataFrame], None]
"""Handles a tagged batch that has rejected records."""


@dataclass(frozen=True)
class JudgedBatch:
    """A judged batch, in numbers too, the rows that were kept for it, and the states before and after it."""

    seen: DataFrame
    judged: DataFrame
    summary: BatchSummary
    before: State
    after: State


class MicroBatch(ABC):
    """A pipeline's steps for each micro-batch; an instance is the function for `foreachBatch`.

    `keyed_by` is the path of the contract's field that the rows of its aggregates go by, if it has a sink for such.
    """

    keyed_by: str = ""

    def __init__(self, files: Files, states: StateStore, pace: Pace, reject: Reject) -> None:
        self._files = files
        self._states = states
        self._pace = pace
        self._reject = reject
        # A killed driver's JVM may live on for a moment: it must not write into the same folder.
        self._aside = f"{STAGING}/{uuid4().hex[:8]}"
        self._may_be_replay = True

    def __call__(self, batch: DataFrame, batch_id: int) -> None:
        """Process one micro-batch of Kafka records; those that a sink refuses because of their data are rejected."""
        refusals = Refusals(self.keyed_by)
        while True:
            try:
                return self._process(batch, batch_id, refusals)
            except RefusedError as error:
                refusals = refusals.plus(error)
                log.warning("batch %d is processed again without what was refused: %s", batch_id, error)
                self._may_be_replay = True

    def _process(self, batch: DataFrame, batch_id: int, refusals: Refusals) -> None:
        before = self._states.before(batch_id)
        if self._may_be_replay:
            self._files.delete(STAGING)
        seen = self._states.rows(batch.sparkSession, before)
        # Saving the state is the commit, so it comes last. Whatever ends the process before it, the batch is processed
        # again from the same state and the same records: files have names by the batch and replace those of the first
        # try, rows are set and never added to, dead letters count once by their identity.
        with (
            cached(self._tagged(batch, before.progress, refusals)) as tagged,
            cached(self._judged(seen, tagged, before.progress)) as judged,
        ):
            summary = BatchSummary.of(judged)
            state = self._state(batch_id, before, summary)
            with self._published(JudgedBatch(seen, judged, summary, before, state)) as needed:
                if summary.number(Outcome.REJECTED):
                    self._reject(tagged)
                self._states.save(state, needed, self._aside)
        self._files.delete(self._aside)
        self._may_be_replay = False

    def _final(self, summary: BatchSummary, before: Progress, after: Progress) -> int:  # noqa: ARG002
        """Number of stored records that became final; none in a pipeline without windows."""
        return 0

    def _state(self, batch_id: int, before: State, summary: BatchSummary) -> State:
        lost = lost_of_batch(self._files, batch_id)
        progress = watermark.advance_watermark(before.progress, summary.reads, self._pace).beyond(
            {g.partition: g.end for g in lost}
        )
        final = self._final(summary, before.progress, progress)
        made = replace(summary.totals(), final=final, lost=sum(gap.end - gap.first for gap in lost))
        return replace(before, batch=batch_id, progress=progress, totals=before.totals.plus(made))

    @contextmanager
    def _published(self, judged_batch: JudgedBatch) -> Iterator[DataFrame]:
        """Publish the batch and give the rows that later batches need."""
        self._publish(judged_batch)
        yield self._needed(judged_batch.judged, judged_batch.after.progress)

    @abstractmethod
    def _tagged(self, batch: DataFrame, before: Progress, refusals: Refusals) -> DataFrame:
        """The records as rows of lateness.TAGGED, those that were refused as rejected ones."""

    @abstractmethod
    def _judged(self, seen: DataFrame, tagged: DataFrame, before: Progress) -> DataFrame:
        """The records and those seen before with their outcomes; some rows are those of deduplication.TALLY."""

    @abstractmethod
    def _publish(self, judged_batch: JudgedBatch) -> None:
        """Write what the batch adds to the tables, in place of what an earlier try of the batch wrote."""

    @abstractmethod
    def _needed(self, judged: DataFrame, after: Progress) -> DataFrame:
        """The rows that later batches need."""


@contextmanager
def cached(frame: DataFrame) -> Iterator[DataFrame]:
    """Keep what a DataFrame holds, in memory or on disk, for the jobs inside the block."""
    frame.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        yield frame
    finally:
        frame.unpersist()
