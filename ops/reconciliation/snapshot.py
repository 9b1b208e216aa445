"""Snapshot of a pipeline: its job's state after a batch, its records in Kafka, and its dead letters."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from eventmill.config.errors import EventmillError
from eventmill.config.polling import DeadlineError, until
from eventmill.config.settings import Settings
from eventmill.databases import query_engines
from eventmill.kafka import dead_letters, topic_reader
from eventmill.lake import checkpoint_progress, committed_batches, hive_tables, partition_locations, webhdfs
from ops.reconciliation import last_check
from ops.reconciliation.last_check import NOTHING, CheckNote
from spark_jobs.state.state_store import State
from spark_jobs.state.watermark import Progress

FILE = "/batch-([0-9]+)(-part-[0-9]+)?[.]parquet$"
"""The end of the path of a file that a batch made, not compaction, as a pattern for Python and for Hive alike."""

MICROS = 1_000_000
REGISTERED_SECONDS = 60
"""Within how long after its first file Hive knows a new day."""


class SnapshotError(EventmillError):
    """Something to compare does not exist yet; the message says how to make it."""


@dataclass(frozen=True, kw_only=True)
class Snapshot(ABC):
    """Snapshot of a pipeline at one moment.

    Attributes:
        topic: what the pipeline reads.
        kafka: the bounds of its partitions, taken after the state.
        state: of its job; None before the first batch.
        rejected_by_job: distinct rejected records that the state's batch and those before it had read.
        refused: the places of those of them that keep the contract, but not what a sink takes.
        rejected_at_entry: distinct records that never came to the topic, held back by NiFi or the API.
        gaps: offsets that hold no record, among those that the state has counted; see `ops.reconciliation.offset_gaps`.
        gaps_behind: such offsets behind the state.
        before: what the last check has noted, empty where that does not count any more, and `ignored` says why.
        after: what this check notes if it holds, but for what Kafka's records come to.
        days: of the pipeline's tables, and `taken` those of them whose rows are from the note.
    """

    topic: str
    kafka: dict[int, topic_reader.OffsetRange]
    state: State | None
    rejected_by_job: int
    rejected_at_entry: int
    gaps: int = 0
    gaps_behind: int = 0
    refused: frozenset[tuple[int, int]] = frozenset()
    before: CheckNote = NOTHING
    ignored: str = ""
    after: CheckNote = NOTHING
    days: int = 0
    taken: int = 0

    @abstractmethod
    def processed(self) -> int:
        """Number of records that are accounted for."""

    def closed(self) -> int:
        """The state's closing watermark."""
        return (self.state.progress if self.state else Progress()).closed

    def lost(self) -> int:
        """Number of offsets Kafka removed before the job had read them."""
        return self.state.totals.lost if self.state else 0

    def removed(self) -> int:
        """Number of offsets Kafka has removed, by age or size; 0 where all of those had been counted before."""
        before = self.before.counted.offsets
        if all(held.first <= before.get(number, 0) for number, held in self.kafka.items()):
            return 0
        return sum(held.first for held in self.kafka.values())

    def limits(self) -> dict[int, topic_reader.OffsetRange]:
        """The bounds in Kafka of what the state has counted."""
        done = next_offsets(self.state)
        return {number: held._replace(end=done.get(number, 0)) for number, held in self.kafka.items()}

    def uncounted(self) -> dict[int, topic_reader.OffsetRange]:
        """The bounds in Kafka of what the state has counted and no check before this one."""
        before = self.before.counted.offsets
        return {n: held._replace(first=max(held.first, before.get(n, 0))) for n, held in self.limits().items()}

    def behind(self) -> dict[int, topic_reader.OffsetRange]:
        """The bounds in Kafka of what the state has not counted."""
        done = next_offsets(self.state)
        return {n: held._replace(first=max(held.first, done.get(n, 0))) for n, held in self.kafka.items()}

    def counted(self) -> int:
        """Number of records the state has counted: by Kafka, or by the job where Kafka has removed some of them."""
        if self.state and self.removed():
            return self.state.totals.records + self.state.totals.lost
        return sum(limits.end for limits in self.limits().values()) - self.gaps

    def waiting(self) -> int:
        """Number of records the job has still to process."""
        held, done = self.kafka.values(), self.limits().values()
        return sum(one.end for one in held) - sum(one.end for one in done) - self.gaps_behind

    def from_before(self) -> last_check.Taken | None:
        """The part of this that is from the last check; None when nothing is."""
        if not self.before:
            return None
        return last_check.Taken(
            self.before.time, self.taken, self.days, self.before.counted.records, max(0, self.counted())
        )

    def note(self, counted: int | None, views: last_check.ViewSums | None = None) -> CheckNote:
        """The note of this check if it holds: `counted` records, of which `views` came, or what was counted before."""
        if counted is None:
            return replace(self.after, counted=self.before.counted)
        return replace(self.after, counted=last_check.CountedOffsets(next_offsets(self.state), counted, views))

    def accepted(self) -> int:
        """Number of records Kafka has taken."""
        return self.counted() + self.waiting()


def newest_state(settings: Settings, pipeline: str) -> State | None:
    """The newest state of a pipeline's job; None before its first batch."""
    batch = committed_batches.newest_batch(settings, pipeline)
    if batch is None:
        return None
    return msgspec.json.decode(
        webhdfs.read(settings, f"{committed_batches.states(pipeline)}/{batch}/state.json"), type=State
    )


def batch_of(state: State | None) -> int:
    """The state's batch; -1 when there is none."""
    return state.batch if state else -1


def next_offsets(state: State | None) -> dict[int, int]:
    """By Kafka partition, the offset after the last record that the state has counted."""
    partitions = state.progress.partitions if state else {}
    return {number: partition.next_offset for number, partition in partitions.items()}


def batch_in(file: str) -> int:
    """The batch that made a file, by its path; -1 when none did."""
    found = re.search(FILE, file)
    return int(found[1]) if found else -1


@dataclass(frozen=True)
class Begun:
    """Start of every check of a pipeline: the fields of `Snapshot` with these names."""

    topic: str
    kafka: dict[int, topic_reader.OffsetRange]
    state: State | None
    before: CheckNote
    ignored: str
    after: CheckNote
    gaps: int


def begin(settings: Settings, pipeline: str, noted: last_check.Found) -> Begun:
    """Take the job's state, then the bounds of the topic, and what was noted if it is about these."""
    topic, state = checkpoint_progress.topic(settings, pipeline), newest_state(settings, pipeline)
    with topic_reader.consumer(settings) as client:
        kafka = topic_reader.offset_ranges(client, topic)
    after = CheckNote(
        time=datetime.now(UTC).replace(microsecond=0),
        topic=topic,
        topic_id=topic_reader.topic_id(settings, topic),
        rules=last_check.rules(settings, pipeline),
        batch=batch_of(state),
        progress=state.progress if state else Progress(),
    )
    before, ignored = last_check.usable(noted, after, state)
    gaps = sum(before.counted.offsets.values()) - before.counted.records
    return Begun(topic, kafka, state, before, ignored, after, gaps)


@dataclass(frozen=True)
class RejectedUntil:
    """The distinct rejected records of a topic before some offsets: fields of `Snapshot` by these names."""

    rejected_by_job: int = 0
    rejected_at_entry: int = 0
    refused: frozenset[tuple[int, int]] = frozenset()


def rejected_until(settings: Settings, pipeline: str, topic: str, done: Mapping[int, int]) -> RejectedUntil:
    """Count what the pipeline's job rejected before those offsets, and what was held back before the topic."""
    by_job, at_entry, refused = 0, 0, set()
    # What a sink of another query on the topic refused, this pipeline has stored.
    own = (record for record in dead_letters.read_dead_letters(settings, topic) if record.refused_by in ("", pipeline))
    for record in dead_letters.distinct(own):
        if record.origin != dead_letters.SPARK:
            at_entry += 1
        elif record.identity[0] == topic and int(record.identity[2]) < done.get(int(record.identity[1]), 0):
            by_job += 1
            if record.refused_by:
                refused.add((int(record.identity[1]), int(record.identity[2])))
    return RejectedUntil(by_job, at_entry, frozenset(refused))


def require_table(settings: Settings, table: str, how: str) -> None:
    """Raise an EvidenceError when Hive has no such table; `how` says how it is made."""
    if not query_engines.hive(settings, f"SHOW TABLES LIKE '{table}'").rows:
        raise SnapshotError(f"Hive has no table {table} yet: {how}")


def unknown_days(settings: Settings, pipeline: str, table: str, batch: int) -> list[str]:
    """The days of a pipeline's table with a file of that batch or one before it that Hive doesn't know."""
    in_hive = hive_tables.known_days(settings, table)
    on_hdfs = partition_locations.days(settings, pipeline, table)
    folders = {day: partition_locations.path(pipeline, folder) for day, folder in on_hdfs.items() if day not in in_hive}
    return [day for day, path in folders.items() if _has_any(webhdfs.names(settings, path), batch)]


def _has_any(files: Sequence[str], batch: int) -> bool:
    return any(batch_in(f"/{file}") <= batch for file in files)


def wait_for_days(settings: Settings, pipeline: str, names: Iterable[str], batch: int) -> None:
    """Wait until Hive knows the days of these tables, for as long as the job may take to register a new one.

    What Hive does not know after that is for the checks to report.
    """
    waiting = set(names)

    def known() -> bool:
        waiting.intersection_update([table for table in waiting if unknown_days(settings, pipeline, table, batch)])
        return not waiting

    with suppress(DeadlineError):
        until(known, REGISTERED_SECONDS, f"Hive does not know all days of {pipeline}", every=2)
