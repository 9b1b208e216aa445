"""The closing watermark: how far the event time has come over all Kafka partitions, kept from batch to batch.

All times are microseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from eventmill.contracts.events import AHEAD

Times = NDArray[np.int64]

LONG_AGO = -(2**62)
"""Earlier than any event."""


class Partition(msgspec.Struct, frozen=True):
    """Progress in one Kafka partition.

    Attributes:
        next_offset: the offset after the last record that was read.
        newest: the newest event time, of late records too.
        absent_since: Kafka's time from which on others had records and this one none; None when it had some last.
    """

    next_offset: int = 0
    newest: int = LONG_AGO
    absent_since: int | None = None


class Progress(msgspec.Struct, frozen=True):
    """Progress of a pipeline.

    Attributes:
        closed: the closing watermark; windows that end by then are final.
        kafka_time: the newest time at which Kafka got a record.
        partitions: by number.
    """

    closed: int = LONG_AGO
    kafka_time: int = LONG_AGO
    partitions: Mapping[int, Partition] = msgspec.field(default_factory=dict)

    def newest(self, ahead: int) -> dict[int, int]:
        """The newest event time of each partition; Kafka's newest instead of one that lies more than `ahead` beyond it.

        Only a state of an earlier version has such times.
        """
        newest = {number: partition.newest for number, partition in self.partitions.items()}
        return {number: self.kafka_time if time > self.kafka_time + ahead else time for number, time in newest.items()}

    def beyond(self, offsets: Mapping[int, int]) -> Progress:
        """The same, but that in these partitions nothing is read before these offsets."""
        moved = {number: self.partitions.get(number, Partition()) for number in offsets}
        at_least = {
            number: msgspec.structs.replace(partition, next_offset=max(partition.next_offset, offsets[number]))
            for number, partition in moved.items()
        }
        return msgspec.structs.replace(self, partitions={**self.partitions, **at_least})


class Read(msgspec.Struct, frozen=True):
    """One Kafka partition's part of a batch: its newest event, first and last Kafka time, and next offset.

    The newest event is that by `credible`.
    """

    newest: int
    first_kafka_time: int
    last_kafka_time: int
    next_offset: int


class Pace(msgspec.Struct, frozen=True):
    """Rules by which the closing watermark follows the events.

    Attributes:
        watermark: how long it lies behind the slowest partition.
        idle: how long others must have records and a partition none until it is idle, which holds nobody back;
            None when it is so at once, as in a bounded run, where what is absent has been read to its end.
        expected: the partitions that may have records, seen or not.
        ahead: how far beyond Kafka's time an event may move the watermark.
    """

    watermark: int
    idle: int | None
    expected: int = 0
    ahead: int = AHEAD // timedelta(microseconds=1)


def credible(times: Times, received: Times, ahead: int) -> Times:
    """The times that events move the watermark to: their own, or Kafka's where they lie more than `ahead` beyond it.

    An event of a wrong clock is stored at its own time, and does not make those of right clocks late.
    """
    return np.where(times > received + ahead, received, times)


def advance_watermark(progress: Progress, batch: Mapping[int, Read], pace: Pace) -> Progress:
    """The progress after a batch, from what it holds of each Kafka partition.

    A partition is absent from a batch only when it had nothing new: the source gives each that has some its share.
    """
    if not batch:
        return progress
    # What was written before the topic took Kafka's own time may claim to be old: nobody is absent since then.
    first = max(progress.kafka_time, min(read.first_kafka_time for read in batch.values()))
    last = max(progress.kafka_time, *(read.last_kafka_time for read in batch.values()))
    # After a pause of all partitions nobody has been waited for yet.
    fresh_start = pace.idle is not None and first - progress.kafka_time > pace.idle
    partitions, newest = {}, progress.newest(pace.ahead)
    for number in sorted({*range(pace.expected), *progress.partitions, *batch}):
        before = replace(progress.partitions.get(number, Partition()), newest=newest.get(number, LONG_AGO))
        partitions[number] = _after(before, batch.get(number), first, fresh_start)
    # It never goes back, or windows that are published would take events again. An idle partition holds nobody back;
    # when it has records again, those of closed windows are late.
    active = [p.newest for p in partitions.values() if not _idle(p, last, pace.idle)]
    closed = max(progress.closed, min(active) - pace.watermark)
    return Progress(closed, last, partitions)


def _after(before: Partition, read: Read | None, first: int, fresh_start: bool) -> Partition:
    if read:
        return Partition(read.next_offset, max(before.newest, read.newest))
    since = first if fresh_start or before.absent_since is None else before.absent_since
    return replace(before, absent_since=since)


def _idle(partition: Partition, now: int, idle: int | None) -> bool:
    if partition.absent_since is None:
        return False
    return idle is None or now - partition.absent_since > idle
