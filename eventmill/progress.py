"""How far a line's Spark job has come, from its checkpoint on HDFS and from Kafka; needs no Java."""

from __future__ import annotations

import json
from collections.abc import Mapping

from eventmill import reader, webhdfs
from eventmill.settings import Settings

Offsets = Mapping[int, int]
"""By Kafka partition, the offset of the next record."""


def topic(settings: Settings, line: str) -> str:
    """The topic that a line reads."""
    return str(getattr(settings, f"{line}_topic"))


def held(settings: Settings, line: str) -> Offsets:
    """Where the line's topic ends now."""
    return reader.ends(settings, topic(settings, line))


def committed(settings: Settings, line: str) -> Offsets:
    """Up to where the job has processed the topic for good; empty before its first batch."""
    checkpoint = f"/eventmill/{line}/checkpoint"
    batches = [int(name) for name in webhdfs.names(settings, f"{checkpoint}/commits") if name.isdecimal()]
    if not batches:
        return {}
    return parse(webhdfs.read(settings, f"{checkpoint}/offsets/{max(batches)}"), topic(settings, line))


def parse(offsets: bytes, topic: str) -> Offsets:
    """A topic's offsets in an entry of Spark's offset log: a version, a line of metadata, then one line a source."""
    sources = [json.loads(line) for line in offsets.splitlines()[2:]]
    return {int(number): offset for source in sources for number, offset in source.get(topic, {}).items()}


def behind(committed: Offsets, held: Offsets) -> int:
    """The number of records from one to the other."""
    return sum(max(0, end - committed.get(partition, 0)) for partition, end in held.items())


def waiting(settings: Settings, line: str) -> int:
    """How many records Kafka holds that the job has not processed yet."""
    return behind(committed(settings, line), held(settings, line))
