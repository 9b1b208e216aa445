"""Records that Kafka removed before a query of a job had read them: found, told in one sentence, and left behind.

A query that finds such records ends. `skip` writes a note beside its checkpoint, from which offset on it may go on in
each partition; the query then counts what lies before as lost. The note stays: what it says of a batch never changes.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from eventmill.config.errors import EventmillError
from eventmill.config.settings import Settings
from eventmill.kafka import topic_reader
from eventmill.kafka.topic_reader import OffsetRange
from eventmill.lake import checkpoint_progress, partition_locations, webhdfs

NOTE = "lost.json"
"""The file in a query's folder."""


class LostRecordsError(EventmillError):
    """Kafka has not got, or not any more, what is to be read; the message says what, where, and the way out."""


class OffsetGap(msgspec.Struct, frozen=True):
    """Offsets of a partition that Kafka removed before they were read: from `first` on, up to `end`."""

    partition: int
    first: int
    end: int


class SkipNote(msgspec.Struct, frozen=True):
    """From which offsets on a query of a topic may go on, by partition."""

    topic: str
    starts: Mapping[int, int] = msgspec.field(default_factory=dict)

    def gap(self, partition: int, first: int, end: int) -> OffsetGap | None:
        """The part of a range that is lost."""
        start = min(end, self.starts.get(partition, 0))
        return OffsetGap(partition, first, start) if first < start else None

    def with_gaps(self, gaps: list[OffsetGap]) -> SkipNote:
        """The note that says so too."""
        return SkipNote(self.topic, {**self.starts, **{gap.partition: gap.end for gap in gaps}})


def decode_skip_note(content: bytes) -> SkipNote:
    """Decode a note."""
    return msgspec.json.decode(content, type=SkipNote)


def note(settings: Settings, query: str, topic: str) -> SkipNote:
    """The note of a query; an empty one when there is none."""
    path = partition_locations.path(query, NOTE)
    return decode_skip_note(webhdfs.read(settings, path)) if webhdfs.exists(settings, path) else SkipNote(topic)


def gaps(settings: Settings, query: str, topic: str) -> list[OffsetGap]:
    """Offsets of a topic that Kafka removed before the query read them, less those skipped; none before its start.

    Raises:
        LostRecordsError: when the topic is gone, or was created again.
    """
    done = checkpoint_progress.committed_of(settings, query, topic)
    if not done:
        return []
    known = note(settings, query, topic)
    begin = {number: max(done.get(number, 0), known.starts.get(number, 0)) for number in {*done, *known.starts}}
    return gaps_between(topic, query, begin, _held(settings, query, topic, begin))


def gaps_between(
    topic: str, query: str, begin: checkpoint_progress.Offsets, held: Mapping[int, OffsetRange]
) -> list[OffsetGap]:
    """Offsets between those that a query goes on from and those that a topic begins with.

    Raises:
        LostRecordsError: when a partition ends before the query goes on.
    """
    behind = {number: offset for number, offset in begin.items() if number not in held or held[number].end < offset}
    if behind:
        ends = {number: held[number].end if number in held else 0 for number in behind}
        raise LostRecordsError(
            f"topic {topic} was created again: {query} has read its partitions up to {behind}, and they end at {ends}; "
            "what it had not read before is lost. "
            f"Start over by deleting {partition_locations.path(query, '')} on HDFS as a whole"
        )
    both = ((number, begin.get(number, 0), bounds.first) for number, bounds in sorted(held.items()))
    return [OffsetGap(number, first, start) for number, first, start in both if first < start]


def _held(settings: Settings, query: str, topic: str, begin: checkpoint_progress.Offsets) -> Mapping[int, OffsetRange]:
    try:
        with topic_reader.consumer(settings) as client:
            return topic_reader.offset_ranges(client, topic)
    except topic_reader.TopicError as error:
        raise LostRecordsError(
            f"topic {topic} is gone from Kafka, and so is what {query} had not read of it: it has read up to "
            f"{dict(begin)}. Bring Kafka's data back; or make an empty topic with `eventmill topics apply` and start "
            f"over by deleting {partition_locations.path(query, '')} on HDFS as a whole"
        ) from error


def require_none(settings: Settings, query: str, topic: str) -> None:
    """Check that a query can go on where it has stopped.

    Raises:
        LostRecordsError: when Kafka has not got what comes next.
    """
    if found := gaps(settings, query, topic):
        pipeline = query.partition("/")[0]
        raise LostRecordsError(
            f"{sentence(topic, found)} before {query} read them; "
            f"go on without them: eventmill jobs skip-lost {pipeline}"
        )


def sentence(topic: str, found: list[OffsetGap]) -> str:
    """One sentence on the removed records, by partition and offsets."""
    parts = ", ".join(f"{gap.first} to {gap.end - 1} of {topic}-{gap.partition}" for gap in found)
    return f"Kafka has removed the records {parts} by age or size"


def skip(settings: Settings, query: str, topic: str) -> list[OffsetGap]:
    """Let a query go on without what Kafka has removed; returns what that is."""
    if found := gaps(settings, query, topic):
        known = note(settings, query, topic).with_gaps(found)
        webhdfs.write(settings, msgspec.json.encode(known), partition_locations.path(query, NOTE))
    return found
