"""Snapshot of the visits pipeline: a batch's state, and its rows in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping

from eventmill.config.settings import Settings
from eventmill.databases import postgres
from ops.reconciliation.event_snapshot import EventSnapshot, StoredRows
from ops.reconciliation.last_check import NOT_NOTED, Found
from ops.reconciliation.snapshot import begin, next_offsets, rejected_until

TABLE = "fact_product_views"
DONE = "unnest(%s::integer[], %s::bigint[]) AS done (kafka_partition, next_offset)"
"""By Kafka partition, the offset up to which the state has counted."""

FACTS = f"SELECT COUNT(*), COUNT(DISTINCT log_id) FROM {TABLE} JOIN {DONE} USING (kafka_partition) "  # noqa: S608
DUPLICATES = f"SELECT COUNT(*), COUNT(*) FILTER (WHERE NOT in_job) FROM duplicate_page_logs JOIN {DONE} "  # noqa: S608
DUPLICATES += "USING (kafka_partition) "
BEFORE = "WHERE kafka_offset < next_offset"


def take_visit_snapshot(settings: Settings, pipeline: str, noted: Found = NOT_NOTED) -> EventSnapshot:
    """Ask every engine. What the job does in the meantime belongs to later offsets and is left out."""
    begun = begin(settings, pipeline, noted)
    done = next_offsets(begun.state)
    found = rejected_until(settings, pipeline, begun.topic, done)
    return EventSnapshot(
        **vars(begun),
        **vars(found),
        table=TABLE,
        rows=count_rows(settings, done),
    )


def count_rows(settings: Settings, done: Mapping[int, int]) -> StoredRows:
    """The rows of PostgreSQL that come from before those offsets."""
    limits = (list(done), list(done.values()))
    with postgres.connect(settings) as connection:
        stored, identities = connection.execute(FACTS + BEFORE, limits).fetchone()
        duplicates, remote = connection.execute(DUPLICATES + BEFORE, limits).fetchone()
    return StoredRows(stored=stored, identities=identities, duplicates=duplicates, remote=remote)
