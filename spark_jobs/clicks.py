"""The clicks line: product views per platform in tumbling windows, each counted once, late and broken ones apart.

One micro-batch does its work in steps, of which each may be the last before a crash: the batch is then replayed from
the state before it, and every step replaces what it wrote before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import pyarrow as pa
from msgspec.structs import replace
from pyspark import StorageLevel
from pyspark.sql import DataFrame

from eventmill.events import ProductView
from spark_jobs import counting, watermark
from spark_jobs.counting import Count, Summary
from spark_jobs.hadoop import Files
from spark_jobs.packs import Verdict
from spark_jobs.state import State, StateStore, Totals
from spark_jobs.tables import TIME, BatchTable, TableRow, time
from spark_jobs.tagging import KAFKA_FIELDS, TAGGED_ROWS, Rule, tagger
from spark_jobs.watermark import Pace

STAGING = "staging"
LABEL = "context.source"
WINDOW = [("window_start", TIME), ("window_end", TIME), ("source", pa.string())]
COMMERCE = pa.schema([*WINDOW, ("source_number", pa.int64())])
FAULTS = pa.schema([*WINDOW, ("late", pa.int64()), ("duplicates", pa.int64())])


@dataclass(frozen=True)
class Windows:
    """The windows' length in seconds, and the pace at which they close."""

    seconds: int
    pace: Pace


@dataclass(frozen=True)
class Outputs:
    """Where a batch's results go besides the tables: rejected records, and the live view of the counts."""

    reject: Callable[[DataFrame], None]
    live: Callable[[Sequence[Count], State], None]


class Clicks:
    """What is done with each micro-batch; an instance is the function for `foreachBatch`."""

    def __init__(self, files: Files, windows: Windows, outputs: Outputs) -> None:
        self._files = files
        self._windows = windows
        self._outputs = outputs
        self._states = StateStore(files, windows.seconds, counting.SEEN)
        self._commerce = BatchTable(files, "commerce", COMMERCE, day_of="window_start")
        self._faults = BatchTable(files, "faults", FAULTS)
        # A killed driver's JVM may live on for a moment: it must not write into the same folder.
        self._aside = f"{STAGING}/{uuid4().hex[:8]}"
        self._may_be_replay = True

    def __call__(self, batch: DataFrame, batch_id: int) -> None:
        """Process one micro-batch of Kafka records."""
        before = self._states.before(batch_id)
        if self._may_be_replay:
            self._files.delete(STAGING)
        seen = self._states.rows(batch.sparkSession, before)
        with (
            cached(self._tagged(batch, before)) as tagged,
            cached(counting.judge(seen, tagged, self._windows.seconds)) as judged,
        ):
            summary = Summary.of(judged)
            counts = summary.counts(before.progress.closed, self._windows.seconds)
            state = self._state(batch_id, before, summary, counts)
            if summary.number(Verdict.REJECTED):
                self._outputs.reject(tagged)
            self._publish(state, summary, counts)
            self._outputs.live(counts, state)
            self._states.save(state, self._needed(judged, state), self._aside)
        self._files.delete(self._aside)
        self._may_be_replay = False

    def _tagged(self, batch: DataFrame, before: State) -> DataFrame:
        rule = Rule(
            self._windows.seconds * 1_000_000,
            self._windows.pace.watermark,
            before.progress.closed,
            before.progress.newest(),
        )
        return batch.select(*KAFKA_FIELDS).mapInArrow(tagger(ProductView, LABEL, rule), TAGGED_ROWS)

    def _state(self, batch_id: int, before: State, summary: Summary, counts: Sequence[Count]) -> State:
        progress = watermark.advance(before.progress, summary.reads, self._windows.pace)
        made = Totals(
            records=sum(summary.number(verdict) for verdict in Verdict if verdict != Verdict.SEEN),
            stored=summary.number(Verdict.STORED),
            rejected=summary.number(Verdict.REJECTED),
            late=summary.number(Verdict.LATE),
            duplicates=summary.number(Verdict.DUPLICATE),
            final=sum(count.number for count in counts if count.window_end <= progress.closed),
        )
        return replace(before, batch=batch_id, progress=progress, totals=before.totals.plus(made))

    def _publish(self, state: State, summary: Summary, counts: Sequence[Count]) -> None:
        """Write the closed windows and the faults of a batch to their tables."""
        closed = [commerce_row(count) for count in counts if count.window_end <= state.progress.closed]
        faults = fault_rows(summary, self._windows.seconds)
        for table, rows in ((self._commerce, closed), (self._faults, faults)):
            published = table.publish(rows, state.batch, self._aside)
            if self._may_be_replay:
                table.remove_others(state.batch, published)

    def _needed(self, judged: DataFrame, state: State) -> DataFrame:
        windows = self._windows
        return counting.still_needed(judged, state.progress.closed, windows.seconds, windows.pace.watermark)


@contextmanager
def cached(frame: DataFrame) -> Iterator[DataFrame]:
    """Keep what a DataFrame holds, in memory or on disk, for the jobs inside the block."""
    frame.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        yield frame
    finally:
        frame.unpersist()


def commerce_row(count: Count) -> TableRow:
    """A row of the table commerce."""
    return {
        "window_start": time(count.window_start),
        "window_end": time(count.window_end),
        "source": count.source,
        "source_number": count.number,
    }


def fault_rows(summary: Summary, window_seconds: int) -> list[TableRow]:
    """The rows of the table faults: late records and copies by window and source."""
    late, duplicates = summary.by_verdict[Verdict.LATE], summary.by_verdict[Verdict.DUPLICATE]
    return [
        {
            "window_start": time(start),
            "window_end": time(start + window_seconds * 1_000_000),
            "source": source,
            "late": late[start, source],
            "duplicates": duplicates[start, source],
        }
        for start, source in sorted(late | duplicates)
    ]
