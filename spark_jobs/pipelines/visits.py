"""The visits pipeline: page logs, each once, enriched and loaded into the star schema of PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from eventmill.contracts.events import PageLog
from eventmill.lake.hadoop_files import Files
from spark_jobs.pipelines.event_tables import EventSource, EventTables
from spark_jobs.processing.enrichment import COPIED, READ, TRIED, Enrichment
from spark_jobs.processing.micro_batch import JudgedBatch, Reject
from spark_jobs.processing.packed_records import Outcome
from spark_jobs.processing.refusals import LONGEST_REASON, RecordPosition, RefusedError
from spark_jobs.state.watermark import Pace

LABEL = "collection"
FIELDS = (*COPIED[4:], *READ)
"""The fields of a log that are taken by their own names."""

Load = Callable[[pa.Table, pa.Table], None]
"""Takes a batch's views, rows of ENRICHED, and its duplicates: partition, offset and log_id."""


class VisitsMicroBatch(EventTables):
    """Micro-batch of the visits pipeline; an instance is the function for `foreachBatch`."""

    def __init__(self, files: Files, pace: Pace, reject: Reject, enrichment: Enrichment, load: Load) -> None:
        super().__init__(files, EventSource(PageLog, LABEL), (), pace, reject, ("id", *FIELDS))
        self._enrichment = enrichment
        self._load = load

    def _publish(self, judged_batch: JudgedBatch) -> None:
        views = with_outcome(judged_batch.judged, Outcome.STORED)
        tried = views.mapInArrow(self._enrichment, from_arrow_schema(TRIED)).toArrow()
        refuse_failed(tried)
        copies = with_outcome(judged_batch.judged, Outcome.DUPLICATE).select("partition", "offset", "log_id")
        self._load(tried.drop_columns("error"), copies.toArrow())


def refuse_failed(tried: pa.Table) -> None:
    """Refuse the logs that cannot be enriched.

    Raises:
        RefusedError: when there are any.
    """
    failed = tried.filter(pc.is_valid(tried["error"])).select(["partition", "offset", "error"]).to_pylist()
    if failed:
        reasons: dict[RecordPosition | str, str] = {
            (row["partition"], row["offset"]): f"enrichment: {row['error']}"[:LONGEST_REASON] for row in failed
        }
        raise RefusedError("enrichment", reasons)


def with_outcome(judged: DataFrame, outcome: Outcome) -> DataFrame:
    """A judged batch's new logs with that outcome, by the columns that enrichment takes."""
    return judged.where(F.col("value").isNotNull() & (F.col("outcome") == outcome)).select(
        F.col("event.id").alias("log_id"),
        "partition",
        "offset",
        F.col("time").alias("viewed_at"),
        *(F.col(f"event.{name}") for name in FIELDS),
    )
