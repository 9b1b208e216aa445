"""The clicks pipeline: product views per platform in tumbling windows, each once, late and broken ones apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from eventmill.contracts.events import ProductView
from eventmill.lake.hadoop_files import Files
from spark_jobs.pipelines.window_counts import Counted, WindowCounts, Windows
from spark_jobs.processing.deduplication import BatchSummary
from spark_jobs.processing.micro_batch import JudgedBatch, Reject
from spark_jobs.processing.packed_records import Outcome
from spark_jobs.processing.window_aggregation import Count
from spark_jobs.sinks.parquet_tables import TIME, BatchTable, TableRow, utc_time
from spark_jobs.state.state_store import State

LABEL = "context.source"
WINDOW = [("window_start", TIME), ("window_end", TIME), ("source", pa.string())]
COMMERCE = pa.schema([*WINDOW, ("source_number", pa.int64())])
FAULTS = pa.schema([*WINDOW, ("late", pa.int64()), ("duplicates", pa.int64())])


@dataclass(frozen=True)
class Outputs:
    """Sinks besides the tables: rejected records, and the live view of the counts."""

    reject: Reject
    live: Callable[[Sequence[Count], State], None]


class ClicksMicroBatch(WindowCounts):
    """Micro-batch of the clicks pipeline; an instance is the function for `foreachBatch`."""

    def __init__(self, files: Files, windows: Windows, outputs: Outputs) -> None:
        super().__init__(files, Counted(ProductView, LABEL), windows, outputs.reject)
        self._live = outputs.live
        self._commerce = BatchTable(files, "commerce", COMMERCE, day_of="window_start")
        self._faults = BatchTable(files, "faults", FAULTS)

    def _publish(self, judged_batch: JudgedBatch) -> None:
        """Write the closed windows and the faults of a batch to their tables, and show the counts."""
        summary, after = judged_batch.summary, judged_batch.after
        counts = self._counts(summary, judged_batch.before.progress)
        closed = [commerce_row(count) for count in counts if count.window_end <= after.progress.closed]
        faults = fault_rows(summary, self._windows.seconds)
        for table, rows in ((self._commerce, closed), (self._faults, faults)):
            published = table.publish(rows, after.batch, self._aside)
            if self._may_be_replay:
                table.remove_others(after.batch, published)
        self._live(counts, after)


def commerce_row(count: Count) -> TableRow:
    """A row of the table commerce."""
    return {
        "window_start": utc_time(count.window_start),
        "window_end": utc_time(count.window_end),
        "source": count.source,
        "source_number": count.number,
    }


def fault_rows(summary: BatchSummary, window_seconds: int) -> list[TableRow]:
    """The rows of the table faults: late records and copies by window and source."""
    late, duplicates = summary.by_outcome[Outcome.LATE], summary.by_outcome[Outcome.DUPLICATE]
    return [
        {
            "window_start": utc_time(start),
            "window_end": utc_time(start + window_seconds * 1_000_000),
            "source": source,
            "late": late[start, source],
            "duplicates": duplicates[start, source],
        }
        for start, source in sorted(late | duplicates)
    ]
