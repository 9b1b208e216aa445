"""The finished batches of a pipeline's Spark job, by the states that it keeps on HDFS; needs no Java."""

from __future__ import annotations

from eventmill.config.settings import Settings
from eventmill.lake import partition_locations, webhdfs


def states(pipeline: str) -> str:
    """The folder on HDFS that has a folder for each state kept, named by its batch."""
    return partition_locations.path(pipeline, "state")


def newest_batch(settings: Settings, pipeline: str) -> int | None:
    """The newest batch that is stored whole; None before the first."""
    return max((int(name) for name in webhdfs.names(settings, states(pipeline)) if name.isdecimal()), default=None)


def batch_totals(settings: Settings, pipeline: str, batch: int) -> dict[str, int]:
    """The job's counts of records up to that batch: all `records`, of which `stored`, `rejected`, `late` …"""
    return dict(webhdfs.read_json(settings, f"{states(pipeline)}/{batch}/state.json")["totals"])
