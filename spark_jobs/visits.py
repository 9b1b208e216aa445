"""The visits line: page logs, each once, enriched and loaded into the star schema of PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from eventmill.events import PageLog
from spark_jobs.enrichment import COPIED, ENRICHED, READ, Enrichment
from spark_jobs.event_tables import EventTables, Source
from spark_jobs.hadoop import Files
from spark_jobs.micro_batch import Outcome, Reject
from spark_jobs.packs import Verdict
from spark_jobs.watermark import Pace

LABEL = "collection"
FIELDS = (*COPIED[4:], *READ)
"""The fields of a log that are taken by their own names."""

Load = Callable[[pa.Table, pa.Table], None]
"""Takes a batch's views, rows of ENRICHED, and its duplicates: partition, offset and log_id."""


class Visits(EventTables):
    """What is done with each micro-batch; an instance is the function for `foreachBatch`."""

    def __init__(self, files: Files, pace: Pace, reject: Reject, enrichment: Enrichment, load: Load) -> None:
        super().__init__(files, Source(PageLog, LABEL), (), pace, reject, ("id", *FIELDS))
        self._enrichment = enrichment
        self._load = load

    def _publish(self, outcome: Outcome) -> None:
        views = with_verdict(outcome.judged, Verdict.STORED)
        enriched = views.mapInArrow(self._enrichment, from_arrow_schema(ENRICHED))
        copies = with_verdict(outcome.judged, Verdict.DUPLICATE).select("partition", "offset", "log_id")
        self._load(enriched.toArrow(), copies.toArrow())


def with_verdict(judged: DataFrame, verdict: Verdict) -> DataFrame:
    """A judged batch's new logs with that verdict, by the columns that enrichment takes."""
    return judged.where(F.col("value").isNotNull() & (F.col("verdict") == verdict)).select(
        F.col("event.id").alias("log_id"),
        "partition",
        "offset",
        F.col("time").alias("viewed_at"),
        *(F.col(f"event.{name}") for name in FIELDS),
    )
