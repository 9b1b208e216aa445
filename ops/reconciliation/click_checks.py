"""Checks that every record of the clicks pipeline is accounted for, from snapshots of all engines; pure comparisons.

Each check yields the differences that it found; a pipeline is in order when there are none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from eventmill.config.errors import EventmillError
from eventmill.config.settings import Settings
from eventmill.databases import query_engines
from ops.datagen.ground_truth import Expected, Truth
from ops.reconciliation import checks as common
from ops.reconciliation.checks import Difference, equal
from ops.reconciliation.click_snapshot import ClickSnapshot, Counts, Key
from ops.reconciliation.last_check import Taken
from ops.reconciliation.recount import Recount
from ops.reconciliation.snapshot import MICROS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class VerifyError(EventmillError):
    """The check cannot be made; the message says why."""


class ClickReport(msgspec.Struct, frozen=True):
    """One pipeline's balance: accepted = stored + open + rejected + duplicates + late + lost + waiting.

    Attributes:
        accepted: records that Kafka has taken.
        stored: events in closed windows, as Hive sums them.
        open: events in windows that are still open.
        rejected: distinct records that the job rejected.
        rejected_at_entry: those that never came to the topic; no part of the balance.
        waiting: records that the job has still to process.
        lost: offsets that Kafka removed before the job had read them.
        exported: events in closed windows that MySQL has.
        taken: how much of it is from the last check that held.
    """

    pipeline: str = msgspec.field(name="line")  # the name in JSON, which programs read
    accepted: int
    stored: int
    open: int
    rejected: int
    duplicates: int
    late: int
    waiting: int
    rejected_at_entry: int
    exported: int
    differences: list[Difference]
    notes: list[str]
    lost: int = 0
    taken: Taken | None = None

    def rows(self) -> Iterator[tuple[str, int]]:
        """Rows of the report's table, the parts of the balance indented."""
        yield "accepted", self.accepted
        for name in ("stored", "open", "rejected", "duplicates", "late", "waiting"):
            yield f"  {name}", getattr(self, name)
        if self.lost:
            yield "  lost", self.lost
        yield "rejected at entry", self.rejected_at_entry
        yield "exported to MySQL", self.exported


def click_report(
    pipeline: str, snapshot: ClickSnapshot, again: Recount | None, truth: Truth | None, *, allow_waiting: bool = False
) -> ClickReport:
    """All checks of a pipeline: the balance, and where given the count from Kafka and the truth."""
    checks = [
        common.check_balance(snapshot),
        _job(snapshot),
        common.check_waiting(snapshot, allow_waiting),
        common.check_offsets(snapshot),
        _days(snapshot),
        _export(snapshot),
    ]
    if again:
        checks.append(_counted_again(snapshot, again))
    if truth:
        checks.append(_truth(snapshot, truth))
    return ClickReport(
        pipeline=pipeline,
        accepted=snapshot.accepted(),
        stored=snapshot.stored.total(),
        open=snapshot.open.total(),
        rejected=snapshot.rejected_by_job,
        duplicates=snapshot.duplicates.total(),
        late=snapshot.late.total(),
        waiting=snapshot.waiting(),
        rejected_at_entry=snapshot.rejected_at_entry,
        exported=snapshot.exported.total(),
        lost=snapshot.lost(),
        taken=snapshot.from_before(),
        differences=[difference for check in checks for difference in check],
        notes=list(_notes(snapshot, again, truth)),
    )


def require_same_windows(settings: Settings, truth: Truth) -> None:
    """Raise a VerifyError when the truth was made for other windows than are set."""
    made = (truth.window_seconds, truth.watermark_seconds)
    now = (settings.clicks_window_seconds, settings.clicks_watermark_seconds)
    if made != now:
        raise VerifyError(
            f"the truth holds for windows of {made[0]} s and a watermark of {made[1]} s, but {now[0]} s and {now[1]} s "
            "are set: generate the file again, or set CLICKS_WINDOW_SECONDS and CLICKS_WATERMARK_SECONDS back"
        )


def _equal_counts(what: str, expected: Counts, found: Counts) -> Iterator[Difference]:
    """One difference a window and source, in their order."""
    for key in sorted(set(expected) | set(found)):
        yield from equal(f"{what}: {key[1]} at {key[0]}", expected[key], found[key])


def _job(snapshot: ClickSnapshot) -> Iterator[Difference]:
    found = {
        "stored": snapshot.stored.total() + snapshot.open.total(),
        "rejected": snapshot.rejected_by_job,
        "duplicates": snapshot.duplicates.total(),
        "late": snapshot.late.total(),
    }
    return common.check_job(snapshot, found)


def _days(snapshot: ClickSnapshot) -> Iterator[Difference]:
    for day in snapshot.unknown:
        yield Difference(f"partition {day} of commerce in Hive", 1, 0)


def _export(snapshot: ClickSnapshot) -> Iterator[Difference]:
    """MySQL against Hive, up to the newest window that was exported: windows close in order."""
    yield from _equal_counts("in MySQL", _up_to_export(snapshot), snapshot.exported)


def _up_to_export(snapshot: ClickSnapshot) -> Counts:
    newest = max((window for window, _ in snapshot.exported), default="")
    return _pick(snapshot.in_hive, (key for key in snapshot.in_hive if key[0] <= newest))


def _pick(counts: Counts, keys: Iterable[Key]) -> Counts:
    return Counter({key: counts[key] for key in keys})


def _counted_again(snapshot: ClickSnapshot, again: Recount) -> Iterator[Difference]:
    """The job against a count from Kafka, exactly, unless windows closed while a partition was idle."""
    yield from equal("rejected, counted again", again.broken, snapshot.rejected_by_job)
    stored = snapshot.stored + snapshot.open
    by_idleness = snapshot.late.total() - again.late.total()
    if by_idleness == 0 and not again.moved:
        yield from _equal_counts("stored, counted again", again.stored, stored)
        yield from _equal_counts("late, counted again", again.late, snapshot.late)
    elif by_idleness < 0:
        yield from equal("late, counted again", again.late.total(), snapshot.late.total())
    elif abs(again.stored.total() - stored.total()) > by_idleness + again.moved:
        yield from equal("stored, counted again", again.stored.total(), stored.total())


def _truth(snapshot: ClickSnapshot, truth: Truth) -> Iterator[Difference]:
    """The windows that a generated file covers against its truth."""
    final = {_key(window) for window in truth.windows if _is_final(window, truth, snapshot)}
    span = _span(truth)
    for what, expected, found in (
        ("in the closed window", _expected(truth, "count", final), snapshot.stored),
        ("in the open window", _expected(truth, "count") - _expected(truth, "count", final), snapshot.open),
        ("late", _expected(truth, "late"), snapshot.late),
        ("duplicates", _expected(truth, "duplicates"), snapshot.duplicates),
    ):
        yield from _equal_counts(what, expected, _pick(found, (key for key in found if span.holds(key))))
    yield from _broken(snapshot, truth.planted.broken, alone=_came_in(snapshot) == truth.lines)


def _broken(snapshot: ClickSnapshot, planted: int, *, alone: bool) -> Iterator[Difference]:
    """Compares rejected with planted records: equal where the file came alone, else at least as many."""
    rejected = snapshot.rejected_by_job + snapshot.rejected_at_entry
    if alone or rejected < planted:
        yield from equal("rejected", planted, rejected)


def _came_in(snapshot: ClickSnapshot) -> int:
    return snapshot.accepted() + snapshot.rejected_at_entry


class TimeSpan(NamedTuple):
    """The starts of the first and the last window of a truth, as texts."""

    first: str
    last: str

    def holds(self, key: Key) -> bool:
        """True if the key's window lies within."""
        return self.first <= key[0] <= self.last


def _span(truth: Truth) -> TimeSpan:
    starts = [query_engines.time_text(window.window_start) for window in truth.windows]
    return TimeSpan(min(starts), max(starts))


def _key(window: Expected) -> Key:
    return query_engines.time_text(window.window_start), window.source


def _is_final(window: Expected, truth: Truth, snapshot: ClickSnapshot) -> bool:
    end = (window.window_start - EPOCH) // MICROSECOND + truth.window_seconds * MICROS
    return snapshot.state is not None and end <= snapshot.state.progress.closed


def _expected(truth: Truth, count: str, only: Container[Key] | None = None) -> Counts:
    return Counter({_key(w): getattr(w, count) for w in truth.windows if only is None or _key(w) in only})


def _notes(snapshot: ClickSnapshot, again: Recount | None, truth: Truth | None) -> Iterator[str]:
    """Remarks that are no difference."""
    yield from common.notes(snapshot)
    if not snapshot.exported:
        yield "nothing is exported to MySQL yet; the DAG ecommerce_platform does it"
    elif newer := snapshot.in_hive.total() - _up_to_export(snapshot).total():
        yield f"{newer} events lie in windows that closed after the newest export to MySQL"
    if again and (idle := snapshot.late.total() - again.late.total()) > 0:
        yield f"{idle} events were late because their Kafka partition had been idle"
    if truth:
        span = _span(truth)
        if other := sum(n for key, n in (snapshot.stored + snapshot.open).items() if not span.holds(key)):
            yield f"{other} events lie outside of what the truth covers"
