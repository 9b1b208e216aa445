"""What the engines hold of the clicks is read as of one batch of the job."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eventmill.databases import query_engines
from eventmill.databases.query_engines import QueryResult
from eventmill.kafka.topic_reader import OffsetRange
from ops.reconciliation import click_snapshot
from ops.reconciliation.table_days import TableDays
from spark_jobs.processing.packed_records import pack
from spark_jobs.state.state_store import State
from spark_jobs.state.watermark import Partition, Progress
from tests.support import settings
from tests.unit.spark_jobs.support import packed_records

CLOSED = 1767225600_000_000 + 300_000_000
STATE = State(4, 300, Progress(CLOSED, 0, {0: Partition(10), 1: Partition(20)}))


def parquet(*rows: tuple[datetime, str]) -> bytes:
    """Rows of the job's state as Spark writes them: each event in a pack of its own."""
    packs = [
        pack(packed_records({"time": int(time.timestamp()) * 1_000_000, "label": source})) for time, source in rows
    ]
    file = BytesIO()
    pq.write_table(pa.table({"records": packs}), file)
    return file.getvalue()


def test_events_of_the_state_count_where_their_window_is_open() -> None:
    rows = parquet(
        (datetime(2026, 1, 1, 0, 4, 59, tzinfo=UTC), "mobile"),
        (datetime(2026, 1, 1, 0, 5, 0, tzinfo=UTC), "mobile"),
        (datetime(2026, 1, 1, 0, 9, 59, tzinfo=UTC), "mobile"),
        (datetime(2026, 1, 1, 0, 9, 59, tzinfo=UTC), "手机"),
    )
    assert click_snapshot._open_in(rows, STATE) == {
        ("2026-01-01 00:05:00", "mobile"): 2,
        ("2026-01-01 00:05:00", "手机"): 1,
    }


DAYS = TableDays("commerce_faults", {}, {}, frozenset(), frozenset({""}))


def test_rows_of_a_table_come_with_batch_key_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    file = "hdfs://h:1/x/batch-0000000003.parquet"
    rows = ((file, "", "2026-01-01 00:00:00", "mobile", 5, 0), (file, "", "2026-01-01 00:00:00", "mobile", 2, 1))
    monkeypatch.setattr(query_engines, "hive", lambda _settings, _statement: QueryResult(rows=rows))
    found = click_snapshot._hive(settings(), DAYS, "late", "duplicates")[""]
    key = ("2026-01-01 00:00:00", "mobile")
    assert found[0] == click_snapshot.Row(3, key, (5, 0))
    assert click_snapshot._sums(found) == {key: 7}
    assert click_snapshot._sums(found, 1) == {key: 1}


def test_only_what_the_state_has_counted_lies_within_the_limits() -> None:
    found = click_snapshot.ClickSnapshot(
        topic="clicks",
        kafka={0: OffsetRange(0, 15), 1: OffsetRange(0, 20), 2: OffsetRange(0, 1)},
        state=STATE,
        rejected_by_job=0,
        rejected_at_entry=0,
        open=Counter(),
        stored=Counter(),
        late=Counter(),
        duplicates=Counter(),
        exported=Counter(),
        in_hive=Counter(),
        unknown=(),
    )
    assert {number: limits.end for number, limits in found.limits().items()} == {0: 10, 1: 20, 2: 0}
