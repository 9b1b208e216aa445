"""Views in Cassandra: how often products and orders were looked at, by window."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eventmill.contracts.events import OrderView, ProductView
from eventmill.lake.hadoop_files import Files
from spark_jobs.pipelines.window_counts import Counted, WindowCounts, Windows
from spark_jobs.processing.micro_batch import JudgedBatch, Reject
from spark_jobs.processing.window_aggregation import Count

PRODUCT_VIEWS = Counted(ProductView, "properties.productid")
ORDER_VIEWS = Counted(OrderView, "orderid")

Put = Callable[[Sequence[Count]], None]
"""Sets counts in a table, each in place of what was there."""


class ViewsMicroBatch(WindowCounts):
    """Micro-batch of view counts; an instance is the function for `foreachBatch`."""

    def __init__(self, files: Files, counted: Counted, windows: Windows, reject: Reject, put: Put) -> None:
        super().__init__(files, counted, windows, reject)
        self._put = put

    def _publish(self, judged_batch: JudgedBatch) -> None:
        counts = self._counts(judged_batch.summary, judged_batch.before.progress)
        self._put([count for count in counts if count.new])
