"""The process from which Spark forks its Python workers (`spark.python.daemon.module`), with their modules loaded.

Each worker would import them for itself: a second of CPU time, and memory that they share like this.
"""

from __future__ import annotations

import gc

import pyspark.daemon

# What the tasks' functions need, imported for the forks.
import spark_jobs.pipelines.carts
import spark_jobs.pipelines.event_tables
import spark_jobs.processing.enrichment
import spark_jobs.processing.lateness
import spark_jobs.processing.window_aggregation
import spark_jobs.source.kafka_reader  # noqa: F401

if __name__ == "__main__":
    # The collector leaves alone what is shared, which would be copied by its marks.
    gc.freeze()
    pyspark.daemon.manager()
