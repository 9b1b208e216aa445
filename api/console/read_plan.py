"""Which records of each partition are to be read: from where on, and how many at a time."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import NamedTuple

from api.console.cursor import Positions, TopicPosition

FIRST = 50
"""The records of a topic that a reader without a cursor begins with."""

EVENTS = 200
"""The records that are read at a time."""


class ReadSpan(NamedTuple):
    """Offsets of a partition: the first, and the one before which it ends."""

    start: int
    stop: int


def starts(positions: Positions, held: Mapping[TopicPosition, ReadSpan]) -> dict[TopicPosition, int]:
    """Start offset by partition; one without a position gives its share of the topic's last records.

    Records that are no longer kept are left out. A position beyond the end is of a topic that was created again.
    """
    known = {
        place: positions[place] for place, span in held.items() if positions.get(place, span.stop + 1) <= span.stop
    }
    new = {place: span.stop - span.start for place, span in held.items() if place not in known}
    last: dict[TopicPosition, int] = {}
    for topic in {place.topic for place in new}:
        last |= shares({place: number for place, number in new.items() if place.topic == topic}, FIRST)
    begun = {place: held[place].stop - number for place, number in last.items()}
    return begun | {place: max(offset, held[place].start) for place, offset in known.items()}


def plan(begin: Positions, held: Mapping[TopicPosition, ReadSpan]) -> dict[TopicPosition, ReadSpan]:
    """Plans one read: at most EVENTS records, divided so that no partition waits for another."""
    waiting = {place: held[place].stop - offset for place, offset in begin.items() if held[place].stop > offset}
    given = shares(waiting, EVENTS)
    return {place: ReadSpan(begin[place], begin[place] + number) for place, number in given.items() if number}


def shares(held: Mapping[TopicPosition, int], number: int) -> dict[TopicPosition, int]:
    """Divides `number` records over partitions that hold so many: evenly, as far as they have them."""
    given, left = {}, number
    ordered = sorted(held.items(), key=itemgetter(1))
    for index, (place, records) in enumerate(ordered):
        given[place] = min(records, -(-left // (len(ordered) - index)))
        left -= given[place]
    return given
