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


def event_report(pipeline: str, evidence: EventSnapshot, *, allow_waiting: bool = False) -> EventReport:
    """All checks of a pipeline."""
    checks = [
        common.check_balance(evidence),
        _job(evidence),
        common.check_waiting(evidence, allow_waiting),
        common.check_offsets(evidence),
        _identities(evidence),
        _parts(evidence),
        _promises(evidence),
        _days(evidence),
    ]
    return EventReport(
        pipeline=pipeline,
        accepted=evidence.accepted(),
        stored=evidence.rows.stored,
        rejected=evidence.rejected_by_job,
        duplicates=evidence.rows.duplicates,
        late=evidence.rows.late,
        waiting=evidence.waiting(),
        rejected_at_entry=evidence.rejected_at_entry,
        parts={table: part.rows for table, part in evidence.rows.parts.items()},
        lost=evidence.lost(),
        taken=evidence.from_before(),
        differences=[difference for check in checks for difference in check],
        notes=list(common.notes(evidence)),
    )


def _job(evidence: EventSnapshot) -> Iterator[Difference]:
    found = {
        "records": evidence.counted() - evidence.lost(),
        "stored": evidence.rows.stored + evidence.rows.remote,
        "rejected": evidence.rejected_by_job,
        "duplicates": evidence.rows.duplicates - evidence.rows.remote,
        "late": evidence.rows.late,
    }
    return common.check_job(evidence, found)


def _identities(evidence: EventSnapshot) -> Iterator[Difference]:
    """That each identity is stored once."""
    yield from equal(f"distinct messageids in {evidence.table}", evidence.rows.stored, evidence.rows.identities)


def _parts(evidence: EventSnapshot) -> Iterator[Difference]:
    """The tables of some stored events against the table of all of them."""
    for table, part in evidence.rows.parts.items():
        yield from equal(f"rows of {table}, by the labels in {evidence.table}", part.labelled, part.rows)


def _promises(evidence: EventSnapshot) -> Iterator[Difference]:
    """That what a pipeline's database has published is stored, once nothing waits to be."""
    if not evidence.waiting():
        yield from equal(f"rows of the database whose events are in {evidence.table}", evidence.promised, evidence.kept)


def _days(evidence: EventSnapshot) -> Iterator[Difference]:
    for table, days in evidence.unknown.items():
        for day in days:
            yield Difference(f"partition {day} of {table} in Hive", 1, 0)
