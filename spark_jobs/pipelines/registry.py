"""The pipelines that have a job, and how the settings wire each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from pyspark.sql import DataFrame, SparkSession

from eventmill.config.settings import Settings
from eventmill.contracts.events import CartTimedOut
from eventmill.kafka import topics
from eventmill.lake import checkpoint_progress
from eventmill.lake.hadoop_files import Files
from eventmill.text.terminal import Console
from spark_jobs.pipelines.carts import CartsMicroBatch, Results, Times
from spark_jobs.pipelines.clicks import ClicksMicroBatch, Outputs
from spark_jobs.pipelines.game import GameMicroBatch
from spark_jobs.pipelines.orders import OrdersMicroBatch
from spark_jobs.pipelines.shopping_carts import shopping_carts
from spark_jobs.pipelines.views import ORDER_VIEWS, PRODUCT_VIEWS, ViewsMicroBatch
from spark_jobs.pipelines.visits import VisitsMicroBatch
from spark_jobs.pipelines.window_counts import Windows
from spark_jobs.processing import location_databases
from spark_jobs.processing.enrichment import Enrichment
from spark_jobs.processing.micro_batch import Reject
from spark_jobs.processing.window_aggregation import Count
from spark_jobs.sinks import leaderboard, live_counts
from spark_jobs.sinks.cassandra_views import ORDER_VIEW, PRODUCT_VIEW, ViewTable
from spark_jobs.sinks.dead_letters import rejected_records, write_rejected
from spark_jobs.sinks.star_schema import StarSchema
from spark_jobs.sinks.transactional_producer import OncePublisher
from spark_jobs.state.state_store import State
from spark_jobs.state.watermark import Pace

BatchFunction = Callable[[DataFrame, int], None]


@dataclass(frozen=True)
class Filter:
    """A query of its own beside a pipeline's, from its topic to another one, each record as soon as it's there.

    Attributes:
        name: of the query and of the folder that holds its checkpoint.
        select: makes Kafka records of Kafka records.
        topic: where they go.
    """

    name: str
    select: Callable[[DataFrame], DataFrame]
    topic: str


@dataclass(frozen=True)
class Pipeline:
    """Parts of a streaming query: the topic it reads, its pace, and the function for each batch.

    `filters` are further queries on the same topic, `beside` such with a topic of their own, by their names.
    """

    topic: str
    trigger_seconds: int
    max_offsets: int
    process: BatchFunction
    filters: Sequence[Filter] = ()
    beside: Mapping[str, Pipeline] = field(default_factory=dict)


def root(settings: Settings, pipeline: str) -> str:
    """The folder on HDFS that holds a pipeline's tables, state and checkpoint."""
    return f"{settings.hdfs_url}/eventmill/{pipeline}"


def clicks(spark: SparkSession, settings: Settings, bounded: bool) -> Pipeline:
    """The pipeline of product views."""
    idle = None if bounded else settings.clicks_idle_seconds * 1_000_000
    pace = Pace(settings.clicks_watermark_seconds * 1_000_000, idle, settings.clicks_partitions, _ahead(settings))
    windows = Windows(settings.clicks_window_seconds, pace)
    process = ClicksMicroBatch(Files(spark, root(settings, "clicks")), windows, _clicks_outputs(settings))
    return Pipeline(
        settings.clicks_topic, settings.clicks_trigger_seconds, settings.clicks_max_offsets_per_trigger, process
    )


def _clicks_outputs(settings: Settings) -> Outputs:
    console = Console()

    def show(counts: Sequence[Count], state: State) -> None:
        if settings.clicks_live:
            live_counts.upsert(settings, counts, state.progress.closed)
            live_counts.show_or_warn(console, counts, state.batch)

    return Outputs(_reject(settings, settings.clicks_topic, "clicks"), show)


def game(spark: SparkSession, settings: Settings, bounded: bool) -> Pipeline:  # noqa: ARG001
    """The pipeline of the game's events; a bounded run and a continuous one are the same to it."""
    watermark = settings.game_watermark_seconds * 1_000_000
    pace = Pace(watermark, watermark, settings.game_partitions, _ahead(settings))
    process = GameMicroBatch(Files(spark, root(settings, "game")), pace, _reject(settings, settings.game_topic, "game"))
    return Pipeline(settings.game_topic, settings.game_trigger_seconds, settings.game_max_offsets_per_trigger, process)


def carts(spark: SparkSession, settings: Settings, bounded: bool) -> Pipeline:
    """The pipeline of shoppers' actions."""
    idle = None if bounded else settings.carts_idle_seconds * 1_000_000
    pace = Pace(settings.carts_watermark_seconds * 1_000_000, idle, settings.carts_partitions, _ahead(settings))
    times = Times(settings.carts_window_seconds, settings.cart_timeout, pace)
    files, reject = Files(spark, root(settings, "carts")), _reject(settings, settings.carts_topic, "carts")
    process = CartsMicroBatch(files, times, reject, _carts_results(settings))

    def added(records: DataFrame) -> DataFrame:
        return shopping_carts(records, settings.carts_topic)

    return Pipeline(
        settings.carts_topic,
        settings.carts_trigger_seconds,
        settings.carts_max_offsets_per_trigger,
        process,
        [Filter("shopping_carts", added, settings.carts_abandoned_topic)],
    )


def _carts_results(settings: Settings) -> Results:
    publisher = OncePublisher(settings, settings.carts_timed_out_topic)

    def timed_out(events: Sequence[CartTimedOut], batch: str) -> None:
        publisher.publish([(event.userid, msgspec.json.encode(event)) for event in events], batch)

    return Results(lambda scores: leaderboard.upsert(settings, scores), timed_out)


def orders(spark: SparkSession, settings: Settings, bounded: bool) -> Pipeline:
    """The pipeline of the shop's orders, and of looks at products and orders."""
    watermark = settings.orders_watermark_seconds * 1_000_000
    pace = Pace(watermark, watermark, settings.orders_partitions, _ahead(settings))
    process = OrdersMicroBatch(
        Files(spark, root(settings, "orders")), pace, _reject(settings, settings.orders_topic, "orders")
    )
    return Pipeline(
        settings.orders_topic,
        settings.orders_trigger_seconds,
        settings.orders_max_offsets_per_trigger,
        process,
        beside={
            "product_views": _product_views(spark, settings, bounded),
            "order_views": _order_views(spark, settings, bounded),
        },
    )


def _product_views(spark: SparkSession, settings: Settings, bounded: bool) -> Pipeline:
    """The clicks once more, by product. What breaks the contract, the pipeline of the clicks rejects."""
    table = ViewTable(settings, PRODUCT_VIEW, str)
    files = Files(spark, f"{root(settings, 'orders')}/product_views")
    windows = _view_windows(settings, settings.clicks_partitions, bounded)
    reject = _reject(settings, settings.clicks_topic, "orders/product_views")

    def reject_refused(tagged: DataFrame) -> None:
        reject(tagged.where("refused"))

    process = ViewsMicroBatch(files, PRODUCT_VIEWS, windows, reject_refused, table.put)
    return Pipeline(
        settings.clicks_topic, settings.views_trigger_seconds, settings.clicks_max_offsets_per_trigger, process
    )


def _order_views(spark: SparkSession, settings: Settings, bounded: bool) -> Pipeline:
    topic, table = settings.order_views_topic, ViewTable(settings, ORDER_VIEW, int)
    files = Files(spark, f"{root(settings, 'orders')}/order_views")
    windows = _view_windows(settings, settings.order_views_partitions, bounded)
    process = ViewsMicroBatch(files, ORDER_VIEWS, windows, _reject(settings, topic, "orders/order_views"), table.put)
    return Pipeline(topic, settings.views_trigger_seconds, settings.orders_max_offsets_per_trigger, process)


def _view_windows(settings: Settings, partitions: int, bounded: bool) -> Windows:
    """Windows of views; they are as late as clicks may be."""
    idle = None if bounded else settings.clicks_idle_seconds * 1_000_000
    pace = Pace(settings.clicks_watermark_seconds * 1_000_000, idle, partitions, _ahead(settings))
    return Windows(settings.views_window_seconds, pace)


def visits(spark: SparkSession, settings: Settings, bounded: bool) -> Pipeline:  # noqa: ARG001
    """The pipeline of page logs; a bounded run and a continuous one are the same to it."""
    watermark = settings.visits_watermark_seconds * 1_000_000
    pace = Pace(watermark, watermark, settings.visits_partitions, _ahead(settings))
    files = Files(spark, root(settings, "visits"))
    enrichment = Enrichment(
        location_databases.ship_databases(spark, files, location_databases.databases(settings)), settings.visits_key
    )
    reject = _reject(settings, settings.visits_topic, "visits")
    process = VisitsMicroBatch(files, pace, reject, enrichment, StarSchema(settings).load)
    return Pipeline(
        settings.visits_topic, settings.visits_trigger_seconds, settings.visits_max_offsets_per_trigger, process
    )


def _ahead(settings: Settings) -> int:
    """MAX_EVENT_TIME_AHEAD_SECONDS in microseconds."""
    return settings.max_event_time_ahead_seconds * 1_000_000


def _reject(settings: Settings, topic: str, query: str) -> Reject:
    def reject(tagged: DataFrame) -> None:
        write_rejected(rejected_records(tagged, topic, query), settings, topics.rejected(topic))

    return reject


PIPELINES: dict[str, Callable[[SparkSession, Settings, bool], Pipeline]] = {
    "clicks": clicks,
    "game": game,
    "carts": carts,
    "orders": orders,
    "visits": visits,
}


def query_names(pipeline: str) -> list[str]:
    """The names of a pipeline's queries, which are their folders too: its own, its filters and those beside it."""
    parts = (*checkpoint_progress.FILTERS.get(pipeline, ()), *checkpoint_progress.BESIDE.get(pipeline, ()))
    return [pipeline, *(f"{pipeline}/{part}" for part in parts)]
