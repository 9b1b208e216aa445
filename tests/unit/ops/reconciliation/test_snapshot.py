"""What pipelines have in common is read as of one batch of the job."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from eventmill.databases import query_engines
from eventmill.databases.query_engines import QueryResult
from eventmill.kafka import dead_letters
from eventmill.lake import partition_locations, webhdfs
from eventmill.lake.partition_locations import Location, Locations
from ops.reconciliation import snapshot
from ops.reconciliation.snapshot import RejectedUntil
from tests.support import settings


@pytest.mark.parametrize(
    ("file", "batch"),
    [
        ("hdfs://h:1/eventmill/clicks/commerce/day=2026-01-01/batch-0000000012.parquet", 12),
        ("hdfs://h:1/eventmill/clicks/faults/batch-0000000000.parquet", 0),
        ("hdfs://h:1/eventmill/game/guilds/day=2026-01-01/batch-0000000007-part-00001.parquet", 7),
        ("hdfs://h:1/eventmill/clicks/commerce/day=2026-01-01/part-00000.parquet", -1),
        ("hdfs://h:1/eventmill/game/compacted/guilds/day=2026-01-01/0a1b2c3d/compacted-00000.parquet", -1),
    ],
)
def test_the_batch_of_a_row_is_in_the_name_of_its_file(file: str, batch: int) -> None:
    assert snapshot.batch_in(file) == batch


def test_rejected_records_count_once_and_up_to_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    def written(origin: str, *identity: str) -> dead_letters.Rejected:
        return dead_letters.Rejected(origin, identity, "why", datetime(2026, 1, 1, tzinfo=UTC), b"")

    records = [
        written("spark", "clicks", "0", "9"),
        written("spark", "clicks", "0", "9"),
        written("spark", "clicks", "0", "10"),
        written("spark", "clicks", "1", "10"),
        written("spark", "other", "0", "1"),
        written("nifi", "a.json", "1"),
    ]
    monkeypatch.setattr(dead_letters, "read_dead_letters", lambda _settings, _topic: iter(records))
    assert snapshot.rejected_until(settings(), "clicks", "clicks", {0: 10, 1: 20}) == RejectedUntil(2, 1)


def test_what_a_sink_refused_is_rejected_by_the_pipeline_that_the_sink_belongs_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(by: str, offset: str) -> dead_letters.Rejected:
        time = datetime(2026, 1, 1, tzinfo=UTC)
        return dead_letters.Rejected("spark", ("clicks", "0", offset), "why", time, b"", refused_by=by)

    records = [refused("orders/product_views", "3"), refused("clicks", "3"), refused("orders/product_views", "4")]
    monkeypatch.setattr(dead_letters, "read_dead_letters", lambda _settings, _topic: iter(records))
    found = snapshot.rejected_until(settings(), "clicks", "clicks", {0: 10})
    assert found == RejectedUntil(1, 0, frozenset({(0, 3)}))


@pytest.fixture
def hdfs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four days of a table, one of them moved, each with a file of the batch that is its number."""
    folders = {"/eventmill/clicks/commerce": [*(f"day=2026-01-0{day}" for day in (1, 2, 4)), "other"]}
    for day in (1, 2, 4):
        folders[f"/eventmill/clicks/commerce/day=2026-01-0{day}"] = [f"batch-{day:010}.parquet"]
    folders["/eventmill/clicks/compacted/3"] = ["batch-0000000003.parquet"]
    moved = Locations({"commerce": {"day=2026-01-03": Location("compacted/3")}})
    monkeypatch.setattr(webhdfs, "names", lambda _settings, folder: folders[folder])
    monkeypatch.setattr(partition_locations, "read_locations", lambda _settings, _pipeline: moved)


@pytest.mark.usefixtures("hdfs")
def test_days_that_a_batch_until_then_has_made_and_hive_does_not_know_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(query_engines, "hive", lambda _settings, _statement: QueryResult(rows=(("day=2026-01-01",),)))
    assert snapshot.unknown_days(settings(), "clicks", "commerce", 3) == ["day=2026-01-02", "day=2026-01-03"]


@pytest.mark.usefixtures("hdfs")
def test_a_new_day_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    known = iter([("day=2026-01-01",), ("day=2026-01-01", "day=2026-01-02", "day=2026-01-03")])
    monkeypatch.setattr(
        query_engines, "hive", lambda _settings, _statement: QueryResult(rows=tuple((day,) for day in next(known)))
    )
    snapshot.wait_for_days(settings(), "clicks", ["commerce"], 3)
    assert next(known, None) is None


@pytest.mark.usefixtures("hdfs")
def test_a_day_that_nobody_registers_is_left_to_the_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_engines, "hive", lambda _settings, _statement: QueryResult())
    monkeypatch.setattr(snapshot, "REGISTERED_SECONDS", 0)
    snapshot.wait_for_days(settings(), "clicks", ["commerce"], 3)
    assert snapshot.unknown_days(settings(), "clicks", "commerce", 1) == ["day=2026-01-01"]


def test_there_is_no_state_before_the_first_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhdfs, "names", lambda _settings, _folder: [])
    assert snapshot.newest_state(settings(), "clicks") is None
    assert snapshot.batch_of(None) == -1
