"""The carts pipeline: what shoppers do as tables of single actions, a leader board, and carts that were abandoned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from eventmill.contracts.events import CartTimedOut, UserAction
from eventmill.lake.hadoop_files import Files
from spark_jobs.pipelines.event_tables import IDENTITIES, EventSource, EventTable, EventTables
from spark_jobs.processing.micro_batch import JudgedBatch, Reject, cached
from spark_jobs.processing.packed_records import Outcome
from spark_jobs.sinks.parquet_tables import TIME, BatchTable, TableRow
from spark_jobs.state.cart_state import CartAction, Clock, Score, Shopper, Turn, advance_shopper, timed_out_event
from spark_jobs.state.state_store import StateSchema
from spark_jobs.state.watermark import Pace

LABEL = "lastAction"
ACTION = ("messageid", "userid", LABEL, "productid", "cart_value")

TABLES = (
    # With the rejected ones these three are the topic's records.
    EventTable("user_actions", ACTION),
    EventTable("user_action_duplicates", ACTION, outcome=Outcome.DUPLICATE),
    EventTable("user_actions_late", ACTION, outcome=Outcome.LATE),
)

ABANDONED = pa.schema(
    [
        ("messageid", pa.string()),
        ("userid", pa.string()),
        ("opened_at", TIME),
        ("last_action_at", TIME),
        ("last_action", pa.string()),
        ("timed_out_at", TIME),
        ("items", pa.int64()),
        ("productid", pa.string()),
        ("cart_value", pa.int64()),
    ]
)

INPUT = pa.schema(
    {
        "userid": pa.string(),
        "shopper": pa.binary(),
        "time": pa.int64(),
        "partition": pa.int32(),
        "offset": pa.int64(),
        "messageid": pa.string(),
        "name": pa.string(),
        "productid": pa.string(),
        "cart_value": pa.int64(),
    }
)
"""Rows with `shopper` are what was kept of one, the others a batch's new actions; times in microseconds."""

ADVANCED = pa.schema(
    {
        "userid": pa.string(),
        "shopper": pa.binary(),
        "timed_out": pa.binary(),
        "window_start": pa.int64(),
        "name": pa.string(),
        "number": pa.int64(),
    }
)
"""Rows with `shopper` are to be kept, those with `timed_out` an event CartTimedOut as JSON, the others counts."""


@dataclass(frozen=True)
class Times:
    """The leader board's windows and the time after which a cart is abandoned, in seconds, and the pipeline's pace."""

    window: int
    timeout: int
    pace: Pace


@dataclass(frozen=True)
class Results:
    """Sinks besides the tables: the leader board's changes, and carts whose time was over.

    `timed_out` gets the events with what names the batch, the same when it's replayed.
    """

    leader_board: Callable[[Sequence[Score]], None]
    timed_out: Callable[[Sequence[CartTimedOut], str], None]


class CartsMicroBatch(EventTables):
    """Micro-batch of the carts pipeline; an instance is the function for `foreachBatch`."""

    layout = StateSchema(1, f"{IDENTITIES.rows}, userid string, shopper binary")
    keyed_by = "userid"

    def __init__(self, files: Files, times: Times, reject: Reject, results: Results) -> None:
        super().__init__(files, EventSource(UserAction, LABEL, times.window), TABLES, times.pace, reject)
        self._window = times.window * 1_000_000
        self._timeout = times.timeout * 1_000_000
        self._results = results
        self._abandoned = BatchTable(files, "abandoned_carts", ABANDONED, day_of="timed_out_at")

    @contextmanager
    def _published(self, judged_batch: JudgedBatch) -> Iterator[DataFrame]:
        self._publish(judged_batch)
        clock = Clock(self._window, judged_batch.after.progress.closed, self._timeout)
        with cached(advanced(judged_batch.seen, judged_batch.judged, clock)) as shoppers:
            self._publish_scores(shoppers)
            self._publish_timed_out(shoppers, judged_batch.after.batch)
            identities = self._needed(judged_batch.judged, judged_batch.after.progress)
            own = shoppers.where("shopper IS NOT NULL").select("userid", "shopper")
            yield identities.unionByName(own, allowMissingColumns=True)

    def _publish_scores(self, shoppers: DataFrame) -> None:
        found = shoppers.where("number IS NOT NULL").select("window_start", "userid", "name", "number").toArrow()
        scores = [
            Score(start, start + self._window, userid, name, number)
            for start, userid, name, number in zip(*(column.to_pylist() for column in found.columns), strict=True)
        ]
        self._results.leader_board(scores)

    def _publish_timed_out(self, shoppers: DataFrame, batch: int) -> None:
        found = shoppers.where("timed_out IS NOT NULL").select("timed_out").toArrow()["timed_out"].to_pylist()
        events = [msgspec.json.decode(event, type=CartTimedOut) for event in found]
        events.sort(key=lambda event: (event.timestamp, event.messageid))
        published = self._abandoned.publish(map(abandoned_row, events), batch, self._aside)
        if self._may_be_replay:
            self._abandoned.remove_others(batch, published)
        query = shoppers.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId")
        self._results.timed_out(events, f"{query}/{batch}")


def abandoned_row(event: CartTimedOut) -> TableRow:
    """A row of the table abandoned_carts."""
    fields = msgspec.structs.asdict(event)
    return fields | {"messageid": str(event.messageid), "timed_out_at": fields.pop("timestamp")}


def advanced(kept: DataFrame, judged: DataFrame, clock: Clock) -> DataFrame:
    """The shoppers' state and the stored actions of a judged batch as rows of ADVANCED."""

    def advance_task(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        shoppers, new = _collect(batches)
        turns = [
            (userid, advance_shopper(shoppers.get(userid, Shopper()), new[userid], clock)) for userid in shoppers | new
        ]
        yield _advanced_rows(turns, clock)

    actions = judged.where(F.col("value").isNotNull() & (F.col("outcome") == Outcome.STORED)).select(
        F.col("event.userid"),
        F.lit(None).cast("binary").alias("shopper"),
        F.unix_micros("time").alias("time"),
        "partition",
        "offset",
        F.col("event.messageid"),
        F.col("label"),
        F.col("event.productid"),
        F.col("event.cart_value"),
    )
    before = kept.where("shopper IS NOT NULL").select("userid", "shopper", *(F.lit(None) for _ in INPUT.names[2:]))
    both = before.union(actions).toDF(*INPUT.names).repartition("userid")
    return both.mapInArrow(advance_task, from_arrow_schema(ADVANCED))


def _collect(batches: Iterator[pa.RecordBatch]) -> tuple[dict[str, Shopper], dict[str, list[CartAction]]]:
    """The shoppers and the new actions of a task, by user."""
    decode = msgspec.msgpack.Decoder(Shopper).decode
    shoppers: dict[str, Shopper] = {}
    new: dict[str, list[CartAction]] = defaultdict(list)
    for batch in batches:
        for userid, shopper, *action in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if shopper is None:
                new[userid].append(CartAction(*action))
            else:
                shoppers[userid] = decode(shopper)
    return shoppers, new


def _advanced_rows(turns: Sequence[tuple[str, Turn]], clock: Clock) -> pa.RecordBatch:
    keep, timed_out, counts = [], [], []
    for userid, turn in turns:
        if turn.shopper != Shopper():
            keep.append({"userid": userid, "shopper": msgspec.msgpack.encode(turn.shopper)})
        for cart in turn.timed_out:
            event = msgspec.json.encode(timed_out_event(userid, cart, clock.timeout))
            timed_out.append({"userid": userid, "timed_out": event})
        for (start, name), number in turn.counts.items():
            counts.append({"userid": userid, "window_start": start, "name": name, "number": number})
    return pa.RecordBatch.from_pylist([*keep, *timed_out, *counts], ADVANCED)
