"""Runs pipelines as streaming queries in one driver, until they have caught up if bounded, else until SIGTERM."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.streaming.readwriter import DataStreamWriter

from eventmill.config.disk import Reserve
from eventmill.config.errors import EventmillError
from eventmill.config.settings import Settings
from eventmill.lake import lost_records
from eventmill.lake.hadoop_files import Files
from eventmill.spark.configuration import kafka_sink
from spark_jobs.pipelines.registry import PIPELINES, BatchFunction, Filter, Pipeline, query_names, root
from spark_jobs.runtime.error_messages import reason_of
from spark_jobs.runtime.restarts import STEP_SECONDS, QueryStates, Restarts
from spark_jobs.source.kafka_stream import batch_records, kafka_stream

log = logging.getLogger(__name__)

REAL_TIME_BATCH = "1 minute"
"""Interval at which a real-time query commits its offsets; after a crash so much is read again."""

STOP_SECONDS = 30
"""Seconds for which a stop waits for the batch at work; one cut off is replayed later."""


class JobError(EventmillError):
    """The job cannot go on; the message says why."""


@dataclass
class Batches:
    """The function for `foreachBatch`: keeps the error of a batch that failed, and knows whether one is at work.

    A batch that waits for room on the disk is not at work yet.
    """

    process: BatchFunction
    wait_for_room: Callable[[], None] = lambda: None
    error: Exception | None = None
    done: int = 0
    closed: bool = False
    at_work: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, batch: DataFrame, batch_id: int) -> None:
        """Process one batch."""
        self.wait_for_room()
        with self.at_work:
            try:
                if self.closed:
                    # To return would let Spark take the batch for done.
                    raise JobError("the query is being stopped")
                self.process(batch, batch_id)
                self.done += 1
            except Exception as error:
                self.error = error
                raise

    def close(self) -> None:
        """Let no batch begin any more, after the one at work if that doesn't take long."""
        taken = self.at_work.acquire(timeout=STOP_SECONDS)
        self.closed = True
        if taken:
            self.at_work.release()


@dataclass(frozen=True)
class Running:
    """A streaming query and what it does with its batches; one that is bounded may end."""

    query: StreamingQuery
    bounded: bool
    batches: Batches | None = None

    def check(self) -> None:
        """Raise what ended the query, if something did."""
        if error := (self.batches and self.batches.error) or self.query.exception():
            raise error
        if not self.bounded and not self.query.isActive:
            raise JobError("the query has ended by itself")

    def has_worked(self) -> bool:
        """True when it has finished a batch; that of a filter is not known."""
        return self.batches is not None and self.batches.done > 0

    def stop(self) -> None:
        """End the query, after the batch at work if that doesn't take long."""
        if self.batches:
            self.batches.close()
        self.query.stop()


def start_query(spark: SparkSession, settings: Settings, query: str, bounded: bool) -> Running:
    """Start one query of a pipeline, from its checkpoint; `query` is of `registry.query_names`.

    Raises:
        LostRecordsError: when Kafka has not got the records that come next.
    """
    name, _, part = query.partition("/")
    pipeline = PIPELINES[name](spark, settings, bounded)
    lost_records.require_none(settings, query, pipeline.beside.get(part, pipeline).topic)
    for each in pipeline.filters:
        if each.name == part:
            return Running(_start_filter(spark, settings, pipeline, root(settings, query), each, bounded), bounded)
    return _start_batches(spark, settings, pipeline.beside[part] if part else pipeline, query, bounded)


def _start_batches(spark: SparkSession, settings: Settings, pipeline: Pipeline, name: str, bounded: bool) -> Running:
    """Start the query that hands a pipeline its batches; its name is also its folder."""
    folder = root(settings, name)
    files = Files(spark, folder)
    reserve = Reserve.of(settings)

    def wait_for_room() -> None:
        reserve.wait(lambda shortage: log.warning("%s waits: %s", name, shortage))

    def process(batch: DataFrame, batch_id: int) -> None:
        pipeline.process(batch_records(batch, batch_id, settings, pipeline.topic, files), batch_id)

    batches = Batches(process, wait_for_room)
    writer = kafka_stream(spark, settings, pipeline.topic, pipeline.max_offsets).writeStream.foreachBatch(batches)
    writer = _trigger(writer, bounded, f"{pipeline.trigger_seconds} seconds")
    return Running(_begin(writer, name, folder), bounded, batches)


def _start_filter(
    spark: SparkSession, settings: Settings, pipeline: Pipeline, folder: str, wanted: Filter, bounded: bool
) -> StreamingQuery:
    """Start a filter, in real time if that is set and it has no end."""
    real_time = settings.real_time and not bounded
    # What its note calls lost, it must not stop for; whatever else is lost, it was checked for before the start.
    lossy = Files(spark, folder).exists(lost_records.NOTE)
    most = None if real_time else pipeline.max_offsets
    stream = wanted.select(kafka_stream(spark, settings, pipeline.topic, most, lossy=lossy))
    sink = kafka_sink(settings, wanted.topic)
    writer = stream.writeStream.format("kafka").options(**sink).outputMode("update")
    writer = (
        writer.trigger(realTime=REAL_TIME_BATCH)  # type: ignore[call-overload]
        if real_time
        else _trigger(writer, bounded, "0 seconds")
    )
    return _begin(writer, wanted.name, folder)


def _trigger(writer: DataStreamWriter, bounded: bool, every: str) -> DataStreamWriter:
    return writer.trigger(availableNow=True) if bounded else writer.trigger(processingTime=every)


def _begin(writer: DataStreamWriter, name: str, folder: str) -> StreamingQuery:
    """Start a query that keeps its checkpoint in that folder."""
    # Queries side by side share the cores fairly, so that a short batch doesn't wait for a long one.
    SparkSession.active().sparkContext.setLocalProperty("spark.scheduler.pool", name)
    return writer.queryName(name).option("checkpointLocation", f"{folder}/checkpoint").start()


def run_pipelines(spark: SparkSession, settings: Settings, names: Sequence[str], bounded: bool) -> None:
    """Run the pipelines until SIGTERM; if bounded, until all have caught up.

    A query that fails is started again, alone, and ends a bounded run.

    Raises:
        Exception: what ended a query of a bounded run.
        JobError: when Spark itself has ended.
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    # A batch's plans are small and known: to look at each stage before the next takes a tenth of its time.
    spark.conf.set("spark.sql.adaptive.enabled", "false")
    threading.Thread(target=_start_workers, args=(spark,), daemon=True).start()
    if bounded:
        _run_bounded(spark, settings, names, stopping)
    else:
        _run_continuously(spark, settings, names, stopping)


def _run_bounded(spark: SparkSession, settings: Settings, names: Sequence[str], stopping: threading.Event) -> None:
    running = [start_query(spark, settings, query, True) for name in names for query in query_names(name)]
    try:
        while any(each.query.isActive for each in running) and not stopping.wait(STEP_SECONDS):
            for each in running:
                each.check()
        for each in running:
            each.stop() if stopping.is_set() else each.check()
    except Exception:
        # A signal to the whole process group ends the JVM too, maybe first; the batch cut off is replayed later.
        if not stopping.is_set():
            raise


def _run_continuously(spark: SparkSession, settings: Settings, names: Sequence[str], stopping: threading.Event) -> None:
    """Keep each query running in a thread of its own, so that none waits for another one's start."""
    kept = {n: [Restarts(q, partial(start_query, spark, settings, q, False)) for q in query_names(n)] for n in names}
    threads = [threading.Thread(target=q.run, args=(stopping,), daemon=True) for name in names for q in kept[name]]
    boards = [QueryStates(settings, name, kept[name]) for name in names]
    for thread in threads:
        thread.start()
    try:
        while not stopping.wait(STEP_SECONDS):
            for board in boards:
                board.update()
            if not _is_up(spark) and not stopping.is_set():
                raise JobError("Spark has ended, and all queries with it")
    except Exception as error:
        for board in boards:
            board.fail(reason_of(error))
        raise
    else:
        for board in boards:
            board.remove()
    finally:
        stopping.set()
        for thread in threads:
            thread.join(2 * STOP_SECONDS)


def _is_up(spark: SparkSession) -> bool:
    """True as long as the driver's JVM answers and its context was not stopped."""
    try:
        return not spark.sparkContext._jsc.sc().isStopped()
    except Exception:
        return False


def _start_workers(spark: SparkSession) -> None:
    """Have a Python worker on each core, while the queries find out what to read."""

    def nothing(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            pass
        return iter(())

    # A run may end before it; what else goes wrong here, goes wrong in a batch too.
    with suppress(Exception):
        spark.range(spark.sparkContext.defaultParallelism).mapInArrow(nothing, "id long").collect()
