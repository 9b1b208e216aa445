"""The orders pipeline: the orders that the shop reports, as tables of single events."""

from __future__ import annotations

from eventmill.contracts.events import OrderEvent
from eventmill.lake.hadoop_files import Files
from spark_jobs.pipelines.event_tables import EventSource, EventTable, EventTables
from spark_jobs.processing.micro_batch import Reject
from spark_jobs.processing.packed_records import Outcome
from spark_jobs.state.watermark import Pace

LABEL = "event"
ORDER = (LABEL, "userid", "orderid")

TABLES = (
    # With the rejected ones these two are the topic's records.
    EventTable("order_events", ORDER),
    EventTable("order_duplicates", ORDER, outcome=Outcome.DUPLICATE),
)


class OrdersMicroBatch(EventTables):
    """Micro-batch of the orders pipeline; an instance is the function for `foreachBatch`."""

    def __init__(self, files: Files, pace: Pace, reject: Reject) -> None:
        super().__init__(files, EventSource(OrderEvent, LABEL), TABLES, pace, reject)
