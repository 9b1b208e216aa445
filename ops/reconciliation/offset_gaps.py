"""Counts the offsets that transaction markers and aborted records take, so that they are not reported as lost.

The end of each transaction takes an offset of every partition that it wrote to, and what a replay of rejected records
had written before it was broken off takes some too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from eventmill.config.settings import Settings
from eventmill.kafka import topic_reader
from eventmill.kafka.topic_reader import OffsetRange
from ops.reconciliation import checks
from ops.reconciliation.snapshot import Snapshot

Found = TypeVar("Found", bound=Snapshot)


def count_gaps(settings: Settings, snapshot: Found, counted: int | None = None) -> Found:
    """The snapshot with its gaps; `counted` is how many records the state has counted, where Kafka was read for that.

    Else Kafka is only read where the balance shows that there must be gaps, for it may hold much, from where the last
    check has counted them, and not where it has removed some of them.
    """
    with topic_reader.consumer(settings) as client:
        found = replace(snapshot, gaps_behind=_gaps(client, snapshot.topic, snapshot.behind()))
        if counted is not None:
            return replace(found, gaps=sum(held.end for held in found.limits().values()) - counted)
        if found.removed() or checks.is_balanced(found):
            return found
        return replace(found, gaps=found.gaps + _gaps(client, found.topic, found.uncounted()))


def _gaps(client: Any, topic: str, limits: Mapping[int, OffsetRange]) -> int:
    return _offsets(limits) - topic_reader.count_records(client, topic, limits)


def _offsets(limits: Mapping[int, OffsetRange]) -> int:
    return sum(max(0, held.end - held.first) for held in limits.values())
