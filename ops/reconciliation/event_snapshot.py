"""Snapshot of a pipeline of single events: a batch's state, and all its rows in each engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec.structs import replace

from eventmill.config.settings import Settings
from eventmill.databases import mysql, postgres, query_engines
from ops.reconciliation import shop_orders, snapshot, table_days
from ops.reconciliation.last_check import NOT_NOTED, Cell, CheckNote, Found
from ops.reconciliation.shop_orders import Kept, PromisedOrders
from ops.reconciliation.snapshot import (
    FILE,
    MICROS,
    Snapshot,
    next_offsets,
    rejected_until,
    require_table,
    unknown_days,
    wait_for_days,
)
from ops.reconciliation.table_days import TableDays
from spark_jobs.pipelines import carts, game, orders
from spark_jobs.pipelines.event_tables import EventTable
from spark_jobs.processing.packed_records import Outcome

BATCH = f"COALESCE(CAST(REGEXP_EXTRACT(INPUT__FILE__NAME, '{FILE}', 1) AS BIGINT), -1)"
"""For Hive, the batch that made a row's file; -1 when none did, so that its rows always count."""

IDENTITY = "REGEXP_REPLACE(LOWER(GET_JSON_OBJECT(raw_event, '$.messageid')), '-', '')"
"""For Hive, a row's identity: a UUID may be written with capital letters and without hyphens."""

FACT_TABLE = "fact_product_views"
DONE = "unnest(%s::integer[], %s::bigint[]) AS done (kafka_partition, next_offset)"
"""By Kafka partition, the offset up to which the state has counted."""

FACTS = f"SELECT COUNT(*) FROM {FACT_TABLE} JOIN {DONE} USING (kafka_partition) "  # noqa: S608
DUPLICATES = f"SELECT COUNT(*), COUNT(*) FILTER (WHERE NOT in_job) FROM duplicate_page_logs JOIN {DONE} "  # noqa: S608
DUPLICATES += "USING (kafka_partition) "
BEFORE = "WHERE kafka_offset < next_offset"


@dataclass(frozen=True)
class EventPipeline:
    """The field that a pipeline's events are labelled by, and its tables."""

    label: str
    tables: Sequence[EventTable]

    def stored(self) -> EventTable:
        """The table of all stored events."""
        return next(self._whole(Outcome.STORED))

    def others(self, outcome: Outcome) -> EventTable | None:
        """The table of all events with that outcome; None where a pipeline has none."""
        return next(self._whole(outcome), None)

    def parts(self) -> dict[str, frozenset[str]]:
        """The tables of stored events with some labels only, by name."""
        return {table.name: table.labels for table in self.tables if table.labels is not None}

    def _whole(self, outcome: Outcome) -> Iterator[EventTable]:
        return (table for table in self.tables if table.outcome == outcome and table.labels is None)


PIPELINES = {
    "game": EventPipeline(game.LABEL, game.TABLES),
    "carts": EventPipeline(carts.LABEL, carts.TABLES),
    "orders": EventPipeline(orders.LABEL, orders.TABLES),
}


class TablePart(NamedTuple):
    """A table of stored events with some labels only: the rows it should have, by their labels, and those it has."""

    labelled: int
    rows: int


@dataclass(frozen=True)
class StoredRows:
    """Rows of a pipeline's tables, as any reader of Hive gets them.

    Attributes:
        stored: rows of the table of stored events.
        identities: distinct ones among them.
        duplicates: and `late`: rows of their tables; 0 where a pipeline has no such table.
        parts: the tables of some stored events, by name.
        remote: duplicates that the job had counted as stored, for their first copies came too long before.
    """

    stored: int = 0
    identities: int = 0
    duplicates: int = 0
    late: int = 0
    parts: Mapping[str, TablePart] = field(default_factory=dict)
    remote: int = 0


@dataclass(frozen=True, kw_only=True)
class EventSnapshot(Snapshot):
    """Snapshot of a pipeline of single events.

    Attributes:
        table: the table of stored events.
        rows: of the state's batch and those before it.
        unknown: by table, days on HDFS with such rows that Hive doesn't know.
        promised: rows of a pipeline's database whose events had come to Kafka before all else was asked.
        kept: those of them whose events are stored.
    """

    table: str
    rows: StoredRows = StoredRows()
    unknown: Mapping[str, Sequence[str]] = field(default_factory=dict)
    promised: int = 0
    kept: int = 0

    def processed(self) -> int:
        """Number of records that are accounted for."""
        return self.rows.stored + self.rows.duplicates + self.rows.late + self.rejected_by_job


def take_event_snapshot(settings: Settings, name: str, noted: Found = NOT_NOTED) -> EventSnapshot:
    """Ask every engine. What the job does in the meantime belongs to later batches and is left out.

    What `noted` has of days that are as they were then is taken from there.
    """
    with shop_orders.of_shop(settings) if name == mysql.SHOP else nullcontext() as shop:
        return _gather(settings, name, noted, shop)


def take_visit_snapshot(settings: Settings, pipeline: str, noted: Found = NOT_NOTED) -> EventSnapshot:
    """Ask every engine. What the job does in the meantime belongs to later offsets and is left out."""
    begun = snapshot.begin(settings, pipeline, noted)
    done = next_offsets(begun.state)
    found = rejected_until(settings, pipeline, begun.topic, done)
    return EventSnapshot(
        **vars(begun),
        **vars(found),
        table=FACT_TABLE,
        rows=star_schema_rows(settings, done),
    )


def star_schema_rows(settings: Settings, done: Mapping[int, int]) -> StoredRows:
    """The rows of PostgreSQL that come from before those offsets."""
    limits = (list(done), list(done.values()))
    with postgres.connect(settings) as connection:
        (stored,) = connection.execute(FACTS + BEFORE, limits).fetchone()
        duplicates, remote = connection.execute(DUPLICATES + BEFORE, limits).fetchone()
    # The table's primary key is the log's identity: PostgreSQL itself keeps them distinct.
    return StoredRows(stored=stored, identities=stored, duplicates=duplicates, remote=remote)


def _gather(settings: Settings, name: str, noted: Found, shop: PromisedOrders | None) -> EventSnapshot:
    pipeline, begun = PIPELINES[name], snapshot.begin(settings, name, noted)
    stored = pipeline.stored().name
    found = rejected_until(settings, name, begun.topic, next_offsets(begun.state))
    if not begun.state:
        promised = shop.number() if shop else 0
        return EventSnapshot(**vars(begun), **vars(found), table=stored, promised=promised)
    batch = begun.state.batch
    for table in pipeline.tables:
        require_table(settings, table.name, f"make the pipeline's tables with: eventmill tables {name}")
    wait_for_days(settings, name, [table.name for table in pipeline.tables], batch)
    days = {table.name: _look(settings, name, table, begun.before) for table in pipeline.tables}
    numbers = {table.name: _numbers(settings, pipeline, table, days[table.name], batch) for table in pipeline.tables}
    to_note = {table: each.note(numbers[table], begun.after) for table, each in days.items()}
    kept = _kept(settings, shop, begun.before, days[stored], batch) if shop else Kept()
    return EventSnapshot(
        **vars(begun) | {"after": replace(begun.after, days=to_note, promised=kept.days)},
        **vars(found),
        table=stored,
        rows=stored_rows(pipeline, numbers, _distinct(settings, days[stored], batch)),
        unknown=unknown_days_of(settings, name, pipeline, batch),
        promised=kept.promised,
        kept=kept.kept,
        days=sum(len(each.there) for each in days.values()),
        taken=sum(len(each.taken) for each in days.values()),
    )


def _kept(settings: Settings, shop: PromisedOrders, before: CheckNote, days: TableDays, batch: int) -> Kept:
    """Compares the shop's orders with the events stored up to that batch."""

    def stored(day: str) -> frozenset[str]:
        of_day = f"`day` = '{day}' AND {BATCH} <= {batch}"
        found = query_engines.hive(settings, f"SELECT {IDENTITY} FROM {days.table} WHERE {of_day}")  # noqa: S608 - all of it is ours
        return frozenset(str(identity) for (identity,) in found.rows)

    return shop_orders.compare(shop, before.promised, set(map(table_days.day_value, days.taken)), stored)


def _look(settings: Settings, name: str, table: EventTable, before: CheckNote) -> TableDays:
    """A table's days; of the stored events none is taken of which a copy may have been stored in another one since."""
    days = table_days.days_of_table(settings, name, table.name, before)
    if table != PIPELINES[name].stored():
        return days
    return days.without_unsettled(before.progress.closed, getattr(settings, f"{name}_watermark_seconds") * MICROS)


def _numbers(
    settings: Settings, pipeline: EventPipeline, table: EventTable, days: TableDays, batch: int
) -> table_days.Rows:
    """By day, the number of a table's rows up to that batch, and of the stored events those of each part's labels."""
    if not days.is_asked:
        return days.rows
    labels = pipeline.parts().values() if table == pipeline.stored() else ()
    wanted = ", ".join(["`day`", "COUNT(*)", *(_labelled(pipeline.label, each) for each in labels)])
    statement = f"SELECT {wanted} FROM {table.name}{_asked(days, batch)} GROUP BY `day`"  # noqa: S608 - all of it is ours
    found = query_engines.hive(settings, statement).rows
    return {**days.rows, **{table_days.named(str(day)): [tuple(int(str(n)) for n in rest)] for day, *rest in found}}


def _distinct(settings: Settings, days: TableDays, batch: int) -> int:
    """The distinct identities of the stored events up to that batch; those of the days that are taken are distinct."""
    taken = sum(int(number) for rows in days.rows.values() for number, *_ in rows)
    if not days.is_asked:
        return taken
    statement = f"SELECT COUNT(DISTINCT {IDENTITY}) FROM {days.table}{_asked(days, batch)}"  # noqa: S608 - all of it is ours
    return taken + int(str(query_engines.hive(settings, statement).rows[0][0]))


def _asked(days: TableDays, batch: int) -> str:
    return days.condition(f"{BATCH} <= {batch}")


def _labelled(label: str, labels: frozenset[str]) -> str:
    """For Hive, the number of rows with one of these labels."""
    return f"COUNT(CASE WHEN `{label}` IN ({query_engines.texts(labels)}) THEN 1 END)"


def stored_rows(pipeline: EventPipeline, numbers: Mapping[str, table_days.Rows], identities: int) -> StoredRows:
    """The sums over all days of each table's numbers."""
    total = {table: _sums(by_day.values()) for table, by_day in numbers.items()}
    stored, *labelled = total[pipeline.stored().name] or [0] * (1 + len(pipeline.parts()))
    duplicates, late = (
        sum(total[table.name][:1]) if (table := pipeline.others(outcome)) else 0
        for outcome in (Outcome.DUPLICATE, Outcome.LATE)
    )
    parts = {
        name: TablePart(number, sum(total[name][:1])) for name, number in zip(pipeline.parts(), labelled, strict=True)
    }
    return StoredRows(stored=stored, identities=identities, duplicates=duplicates, late=late, parts=parts)


def _sums(days: Iterable[Sequence[tuple[Cell, ...]]]) -> list[int]:
    """The sums of each number; none without rows."""
    return [sum(map(int, column)) for column in zip(*(row for rows in days for row in rows), strict=True)]


def unknown_days_of(settings: Settings, name: str, pipeline: EventPipeline, batch: int) -> dict[str, list[str]]:
    """By table, the days that Hive doesn't know and that have a file of that batch or one before it."""
    found = {table.name: unknown_days(settings, name, table.name, batch) for table in pipeline.tables}
    return {table: missing for table, missing in found.items() if missing}
