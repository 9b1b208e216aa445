"""The checks that hold for every pipeline; pure comparisons. Each yields the differences that it found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from ops.reconciliation.snapshot import Snapshot, next_offsets


class Difference(msgspec.Struct, frozen=True):
    """Something that should be one number and is another."""

    what: str
    expected: int
    found: int


def equal(what: str, expected: int, found: int) -> Iterator[Difference]:
    """A difference unless both are the same number."""
    if expected != found:
        yield Difference(what, expected, found)


def is_balanced(snapshot: Snapshot) -> bool:
    """True if all records that came in are accounted for."""
    return not list(check_balance(snapshot))


def check_balance(snapshot: Snapshot) -> Iterator[Difference]:
    """Compares the records that came in with those that are stored, rejected, late or duplicates."""
    came, became = snapshot.accepted(), snapshot.processed() + snapshot.lost() + snapshot.waiting()
    yield from equal("accepted = all that became of it", came, became)


def check_waiting(snapshot: Snapshot, allowed: bool) -> Iterator[Difference]:
    """That nothing waits, unless it may."""
    if not allowed:
        yield from equal("waiting to be processed", 0, snapshot.waiting())


def check_job(snapshot: Snapshot, found: Mapping[str, int]) -> Iterator[Difference]:
    """Compares the job's own totals with those of the engines, by name."""
    if snapshot.state:
        for name, number in found.items():
            yield from equal(f"{name}, by the job", getattr(snapshot.state.totals, name), number)


def check_offsets(snapshot: Snapshot) -> Iterator[Difference]:
    """That Kafka has come as far as the job has."""
    for partition, done in sorted(next_offsets(snapshot.state).items()):
        end = snapshot.kafka[partition].end if partition in snapshot.kafka else 0
        if end < done:
            yield Difference(f"end of partition {partition} of {snapshot.topic}, at least", done, end)


def notes(snapshot: Snapshot) -> Iterator[str]:
    """The notes on any pipeline: what is from the last check, or why nothing is, and what Kafka has removed."""
    if taken := snapshot.from_before():
        yield taken.text()
    if snapshot.ignored:
        yield f"the last check was left aside, and everything asked for again: {snapshot.ignored}"
    yield from removed(snapshot)


def removed(snapshot: Snapshot) -> Iterator[str]:
    """The note that not all of the records can be counted again."""
    if number := snapshot.removed():
        yield (
            f"Kafka has removed its {number} oldest records by age or size, so nothing was counted again, "
            "and what came in is what the job has counted"
        )
