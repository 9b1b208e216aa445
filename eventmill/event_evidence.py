"""What each engine holds of a line of single events at one moment: a batch's state, and all rows that go with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from eventmill import mysql, progress, reader, sql
from eventmill.line_evidence import (
    FILE,
    LineEvidence,
    newest_state,
    next_offsets,
    rejected_until,
    require_table,
    unknown_days,
    wait_for_days,
)
from eventmill.settings import Settings
from spark_jobs import carts, game, orders
from spark_jobs.event_tables import EventTable
from spark_jobs.packs import Verdict

BATCH = f"COALESCE(CAST(REGEXP_EXTRACT(INPUT__FILE__NAME, '{FILE}', 1) AS BIGINT), -1)"
"""For Hive, the batch that made a row's file; -1 when none did, so that its rows always count."""

IDENTITY = "REGEXP_REPLACE(LOWER(GET_JSON_OBJECT(raw_event, '$.messageid')), '-', '')"
"""For Hive, a row's identity: a UUID may be written with capital letters and without hyphens."""


PUBLISHED = """
SELECT messageid FROM orders WHERE messageid NOT IN (
  SELECT JSON_UNQUOTE(JSON_EXTRACT(CONVERT(value USING utf8mb4), '$.messageid')) FROM outbox
)
"""
"""For MySQL, the identities of the shop's orders whose events Kafka has acknowledged, as of one moment."""


@dataclass(frozen=True)
class EventLine:
    """The field that a line's events are labelled by, and its tables."""

    label: str
    tables: Sequence[EventTable]

    def stored(self) -> EventTable:
        """The table of all stored events."""
        return next(self._whole(Verdict.STORED))

    def others(self, verdict: Verdict) -> EventTable | None:
        """The table of all events with that verdict; None where a line has none."""
        return next(self._whole(verdict), None)

    def parts(self) -> dict[str, frozenset[str]]:
        """The tables of stored events with some labels only, by name."""
        return {table.name: table.labels for table in self.tables if table.labels is not None}

    def _whole(self, verdict: Verdict) -> Iterator[EventTable]:
        return (table for table in self.tables if table.verdict == verdict and table.labels is None)


LINES = {
    "game": EventLine(game.LABEL, game.TABLES),
    "carts": EventLine(carts.LABEL, carts.TABLES),
    "orders": EventLine(orders.LABEL, orders.TABLES),
}


class Part(NamedTuple):
    """A table of stored events with some labels only: the rows it should have, by their labels, and those it has."""

    labelled: int
    rows: int


@dataclass(frozen=True)
class Rows:
    """What a line's tables have, as any reader of Hive gets them.

    Attributes:
        stored: rows of the table of stored events.
        identities: distinct ones among them.
        duplicates: and `late`: rows of their tables; 0 where a line has no such table.
        parts: the tables of some stored events, by name.
        remote: duplicates that the job had counted as stored, for their first copies came too long before.
    """

    stored: int = 0
    identities: int = 0
    duplicates: int = 0
    late: int = 0
    parts: Mapping[str, Part] = field(default_factory=dict)
    remote: int = 0


@dataclass(frozen=True, kw_only=True)
class EventEvidence(LineEvidence):
    """What is there of a line of single events.

    Attributes:
        table: the table of stored events.
        rows: of the state's batch and those before it.
        days: by table, those on HDFS with such rows that Hive doesn't know.
        promised: rows of a line's database whose events had come to Kafka before all else was asked.
        kept: those of them whose events are stored.
    """

    table: str
    rows: Rows = Rows()
    days: Mapping[str, Sequence[str]] = field(default_factory=dict)
    promised: int = 0
    kept: int = 0

    def processed(self) -> int:
        """How many records something became of."""
        return self.rows.stored + self.rows.duplicates + self.rows.late + self.rejected_by_job


def gather(settings: Settings, name: str) -> EventEvidence:
    """Ask every engine. What the job does in the meantime belongs to later batches and is left out."""
    promised = _promised(settings) if name == mysql.SHOP else frozenset[str]()
    line, topic, state = LINES[name], progress.topic(settings, name), newest_state(settings, name)
    with reader.consumer(settings) as client:
        kafka = reader.bounds(client, topic)
    found = rejected_until(settings, name, topic, next_offsets(state))
    for table in line.tables if state else ():
        require_table(settings, table.name, f"make the line's tables with: eventmill tables {name}")
    if state:
        wait_for_days(settings, name, [table.name for table in line.tables], state.batch)
    return EventEvidence(
        topic=topic,
        kafka=kafka,
        state=state,
        **vars(found),
        table=line.stored().name,
        rows=count_rows(settings, line, state.batch) if state else Rows(),
        days=days(settings, name, line, state.batch) if state else {},
        promised=len(promised),
        kept=len(promised & _identities(settings, line, state.batch)) if promised and state else 0,
    )


def _promised(settings: Settings) -> frozenset[str]:
    """The identities of the shop's orders whose events are in Kafka, as `_identities` has them."""
    with mysql.connect(settings, settings.shop_database) as connection:
        cursor = connection.cursor()
        cursor.execute(PUBLISHED)
        return frozenset(messageid.replace("-", "") for (messageid,) in cursor.fetchall())


def _identities(settings: Settings, line: EventLine, batch: int) -> frozenset[str]:
    """The identities of the stored events of that batch and those before it."""
    statement = f"SELECT {IDENTITY} FROM {line.stored().name} WHERE {BATCH} <= {batch}"  # noqa: S608 - all of it is ours
    return frozenset(str(identity) for (identity,) in sql.hive(settings, statement).rows)


def count_rows(settings: Settings, line: EventLine, batch: int) -> Rows:
    """The rows that the line's tables have of that batch and those before it."""
    parts = line.parts()
    labelled = [_labelled(line.label, labels) for labels in parts.values()]
    stored, identities, *by_label = _ask(settings, line.stored(), batch, f"COUNT(DISTINCT {IDENTITY})", *labelled)
    other = {table.name: _ask(settings, table, batch)[0] for table in line.tables if table != line.stored()}
    duplicates, late = line.others(Verdict.DUPLICATE), line.others(Verdict.LATE)
    return Rows(
        stored=stored,
        identities=identities,
        duplicates=other[duplicates.name] if duplicates else 0,
        late=other[late.name] if late else 0,
        parts={name: Part(number, other[name]) for name, number in zip(parts, by_label, strict=True)},
    )


def _labelled(label: str, labels: frozenset[str]) -> str:
    """For Hive, the number of rows with one of these labels."""
    values = ", ".join(f"'{value}'" for value in sorted(labels))
    return f"COUNT(CASE WHEN `{label}` IN ({values}) THEN 1 END)"


def _ask(settings: Settings, table: EventTable, batch: int, *numbers: str) -> list[int]:
    """The number of the table's rows up to that batch, and further numbers of them."""
    wanted = ", ".join(["COUNT(*)", *numbers])
    statement = f"SELECT {wanted} FROM {table.name} WHERE {BATCH} <= {batch}"  # noqa: S608 - all of it is ours
    return [int(str(number)) for number in sql.hive(settings, statement).rows[0]]


def days(settings: Settings, name: str, line: EventLine, batch: int) -> dict[str, list[str]]:
    """By table, the days that Hive doesn't know and that have a file of that batch or one before it."""
    found = {table.name: unknown_days(settings, name, table.name, batch) for table in line.tables}
    return {table: missing for table, missing in found.items() if missing}
