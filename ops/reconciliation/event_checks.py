"""Checks that every record of a pipeline of single events is accounted for; pure comparisons.

Each check yields the differences that it found; a pipeline is in order when there are none.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ops.reconciliation import checks as common
from ops.reconciliation.checks import Difference, equal
from ops.reconciliation.event_snapshot import EventSnapshot
from ops.reconciliation.last_check import Taken


class EventReport(msgspec.Struct, frozen=True):
    """One pipeline's balance: accepted = stored + rejected + duplicates + late + lost + waiting.

    Attributes:
        accepted: records that Kafka has taken.
        stored: rows of the table of stored events.
        rejected: distinct records that the job rejected.
        duplicates: and `late`: rows of their tables.
        waiting: records that the job has still to process.
        lost: offsets that Kafka removed before the job had read them.
        rejected_at_entry: those that never came to the topic; no part of the balance.
        parts: rows of the tables that have some of the stored events, by name.
        taken: how much of it is from the last check that held.
    """

    pipeline: str = msgspec.field(name="line")  # the name in JSON, which programs read
    accepted: int
    stored: int
    rejected: int
    duplicates: int
    late: int
    waiting: int
    rejected_at_entry: int
    parts: dict[str, int]
    differences: list[Difference]
    notes: list[str]
    lost: int = 0
    taken: Taken | None = None

    def rows(self) -> Iterator[tuple[str, int]]:
        """Rows of the report's table, the parts of the balance indented."""
        yield "accepted", self.accepted
        for name in ("stored", "rejected", "duplicates", "late", "waiting"):
            yield f"  {name}", getattr(self, name)
        if self.lost:
            yield "  lost", self.lost
        yield "rejected at entry", self.rejected_at_entry
        yield from ((f"stored, in {table}", number) for table, number in self.parts.items())


def event_report(pipeline: str, snapshot: EventSnapshot, *, allow_waiting: bool = False) -> EventReport:
    """All checks of a pipeline."""
    checks = [
        common.check_balance(snapshot),
        _job(snapshot),
        common.check_waiting(snapshot, allow_waiting),
        common.check_offsets(snapshot),
        _identities(snapshot),
        _parts(snapshot),
        _promises(snapshot),
        _days(snapshot),
    ]
    return EventReport(
        pipeline=pipeline,
        accepted=snapshot.accepted(),
        stored=snapshot.rows.stored,
        rejected=snapshot.rejected_by_job,
        duplicates=snapshot.rows.duplicates,
        late=snapshot.rows.late,
        waiting=snapshot.waiting(),
        rejected_at_entry=snapshot.rejected_at_entry,
        parts={table: part.rows for table, part in snapshot.rows.parts.items()},
        lost=snapshot.lost(),
        taken=snapshot.from_before(),
        differences=[difference for check in checks for difference in check],
        notes=list(common.notes(snapshot)),
    )


def _job(snapshot: EventSnapshot) -> Iterator[Difference]:
    found = {
        "records": snapshot.counted() - snapshot.lost(),
        "stored": snapshot.rows.stored + snapshot.rows.remote,
        "rejected": snapshot.rejected_by_job,
        "duplicates": snapshot.rows.duplicates - snapshot.rows.remote,
        "late": snapshot.rows.late,
    }
    return common.check_job(snapshot, found)


def _identities(snapshot: EventSnapshot) -> Iterator[Difference]:
    """That each identity is stored once."""
    yield from equal(f"distinct messageids in {snapshot.table}", snapshot.rows.stored, snapshot.rows.identities)


def _parts(snapshot: EventSnapshot) -> Iterator[Difference]:
    """The tables of some stored events against the table of all of them."""
    for table, part in snapshot.rows.parts.items():
        yield from equal(f"rows of {table}, by the labels in {snapshot.table}", part.labelled, part.rows)


def _promises(snapshot: EventSnapshot) -> Iterator[Difference]:
    """That what a pipeline's database has published is stored, once nothing waits to be."""
    if not snapshot.waiting():
        yield from equal(f"rows of the database whose events are in {snapshot.table}", snapshot.promised, snapshot.kept)


def _days(snapshot: EventSnapshot) -> Iterator[Difference]:
    for table, days in snapshot.unknown.items():
        for day in days:
            yield Difference(f"partition {day} of {table} in Hive", 1, 0)
