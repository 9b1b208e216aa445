"""Progress of a pipeline's Spark job, from its checkpoint on HDFS and from Kafka; needs no Java."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from eventmill.config.settings import Settings
from eventmill.kafka import topic_reader
from eventmill.lake import partition_locations, webhdfs

Offsets = Mapping[int, int]
"""By Kafka partition, the offset of the next record."""

BESIDE: Mapping[str, Mapping[str, str]] = {"orders": {"product_views": "clicks", "order_views": "order_views"}}
"""Pipelines whose job has further queries that must be awaited: their names, and whose topic each reads."""

FILTERS: Mapping[str, Sequence[str]] = {"carts": ("shopping_carts",)}
"""The names of the pipelines' filters, which are queries on the pipelines' own topics."""


def topic(settings: Settings, pipeline: str) -> str:
    """The topic that a pipeline reads."""
    return str(getattr(settings, f"{pipeline}_topic"))


def held(settings: Settings, pipeline: str) -> Offsets:
    """End offsets of the pipeline's topic now."""
    return topic_reader.ends(settings, topic(settings, pipeline))


def committed(settings: Settings, pipeline: str) -> Offsets:
    """Up to where the job has processed the topic for good; empty before its first batch."""
    return committed_of(settings, pipeline, topic(settings, pipeline))


def committed_of(settings: Settings, folder: str, topic: str) -> Offsets:
    """The same for any query, by its folder and the topic that it reads."""
    batch = newest_commit(settings, folder)
    return {} if batch is None else offsets(settings, folder, topic, batch)


def newest_commit(settings: Settings, folder: str) -> int | None:
    """The newest batch that a query has finished for good; None before its first."""
    names = webhdfs.names(settings, f"{_checkpoint(folder)}/commits")
    return max((int(name) for name in names if name.isdecimal()), default=None)


def offsets(settings: Settings, folder: str, topic: str, batch: int) -> Offsets:
    """End offsets of that batch of a query."""
    return parse_offsets(webhdfs.read(settings, f"{_checkpoint(folder)}/offsets/{batch}"), topic)


def _checkpoint(folder: str) -> str:
    return partition_locations.path(folder, "checkpoint")


def parse_offsets(offsets: bytes, topic: str) -> Offsets:
    """A topic's offsets in an entry of Spark's offset log: a version, a line of metadata, then one line a source."""
    sources = [json.loads(line) for line in offsets.splitlines()[2:]]
    return {int(number): offset for source in sources for number, offset in source.get(topic, {}).items()}


def behind(committed: Offsets, held: Offsets) -> int:
    """The number of records from one to the other."""
    return sum(max(0, end - committed.get(partition, 0)) for partition, end in held.items())


def topics_of(settings: Settings, pipeline: str) -> dict[str, str]:
    """The topics that a pipeline's queries read which must be awaited, by the queries' folders."""
    beside = {f"{pipeline}/{name}": topic(settings, other) for name, other in BESIDE.get(pipeline, {}).items()}
    return {pipeline: topic(settings, pipeline), **beside}


def all_topics(settings: Settings, pipeline: str) -> dict[str, str]:
    """The topics of all of a pipeline's queries, by the queries' folders."""
    filters = {f"{pipeline}/{name}": topic(settings, pipeline) for name in FILTERS.get(pipeline, ())}
    return topics_of(settings, pipeline) | filters


class Target:
    """End offsets that a pipeline's job has to reach, as of one moment."""

    def __init__(self, settings: Settings, pipeline: str) -> None:
        self._settings = settings
        self._topics = topics_of(settings, pipeline)
        self._held = {folder: topic_reader.ends(settings, name) for folder, name in self._topics.items()}

    def left(self) -> int:
        """Number of these records that the job has not processed yet."""
        return sum(
            behind(committed_of(self._settings, folder, topic), self._held[folder])
            for folder, topic in self._topics.items()
        )


def waiting_records(settings: Settings, pipeline: str) -> int:
    """Number of records Kafka holds that the job has not processed yet."""
    return Target(settings, pipeline).left()
