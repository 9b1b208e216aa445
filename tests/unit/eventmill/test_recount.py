"""The count from Kafka comes to the truth by itself."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from zlib import crc32

import msgspec
import pytest

from eventmill import generate, plan, reader, recount, sql
from eventmill.recount import Recount
from tests.support import settings

RECEIVED = 1780000000000


def record(value: bytes, partition: int = 0, timestamp: int = RECEIVED) -> SimpleNamespace:
    """A record of Kafka."""
    return SimpleNamespace(key=b"user-1", value=value, partition=partition, offset=0, timestamp=timestamp)


def view(messageid: int, time: str, source: str = "mobile") -> bytes:
    """A product view."""
    event = generate.event(generate.View(f"00000000-0000-4000-a000-{messageid:012d}", "user-1", "product-1", source, 0))
    return msgspec.json.encode(event | {"timestamp": time})


def counted(*records: SimpleNamespace) -> Recount:
    """The count of these records, with windows and a watermark of five minutes."""
    result = Recount(300_000_000, 300_000_000)
    for each in records:
        result.add(each)
    return result


@pytest.mark.parametrize("partitions", [1, 4])
def test_a_generated_file_is_counted_as_its_truth_says(tmp_path: Path, partitions: int) -> None:
    wanted = plan.Plan(count=5000, late=0.05, duplicates=0.05, broken=0.05)
    truth = generate.write(wanted, tmp_path / "clicks", tmp_path / "truth")
    lines = (tmp_path / "clicks").read_bytes().splitlines()
    found = counted(*(record(line, _partition(line, partitions)) for line in lines))
    for name, count in (("stored", "count"), ("late", "late"), ("duplicates", "duplicates")):
        expected = Counter({(sql.time(w.window_start), w.source): getattr(w, count) for w in truth.windows})
        assert getattr(found, name) == +expected
    assert (found.broken, found.moved) == (truth.planted.broken, 0)


def _partition(line: bytes, partitions: int) -> int:
    start = line.find(b'"userid"')
    return crc32(line[start : line.find(b",", start)]) % partitions


def test_a_record_is_late_from_the_watermark_on() -> None:
    found = counted(
        record(view(1, "2026-01-01 00:10:00")),
        record(view(2, "2026-01-01 00:05:00")),
        record(view(3, "2026-01-01 00:05:01")),
    )
    assert found.late == {("2026-01-01 00:05:00", "mobile"): 1}
    assert found.stored.total() == 2


def test_partitions_have_times_of_their_own() -> None:
    found = counted(record(view(1, "2026-01-01 01:00:00"), 0), record(view(2, "2026-01-01 00:00:00"), 1))
    assert found.late.total() == 0


def test_a_copy_with_another_time_is_counted_apart() -> None:
    found = counted(
        record(view(1, "2026-01-01 00:00:00")),
        record(view(1, "2026-01-01 00:00:00")),
        record(view(1, "2026-01-01 00:00:01")),
    )
    assert (found.stored.total(), found.duplicates.total(), found.moved) == (1, 2, 1)


def test_years_1_and_9999_are_broken_and_move_nothing() -> None:
    found = counted(
        record(view(1, "9999-12-31 23:59:59")),
        record(view(2, "0001-01-01 00:00:00")),
        record(view(3, "2026-01-01 00:00:00")),
    )
    assert (found.broken, found.stored.total(), found.late.total()) == (2, 1, 0)


def test_records_are_counted_and_not_offsets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "consumer", lambda _: nullcontext())
    monkeypatch.setattr(reader, "between", lambda _client, _topic, _limits: iter(range(recount.STEP + 1)))
    told: list[int] = []
    limits = {0: reader.Bounds(0, recount.STEP + 7)}
    assert recount.count(settings(), "events", limits, told.append) == recount.STEP + 1
    assert told == [recount.STEP, recount.STEP + 7]


def test_a_record_that_lies_hours_ahead_makes_no_honest_one_late() -> None:
    result = Recount(300_000_000, 300_000_000, 300_000_000)
    now = int(datetime(2026, 1, 1, 0, 10, tzinfo=UTC).timestamp() * 1000)
    for number, time in enumerate(("2026-01-01 00:10:00", "2026-01-01 20:00:00", "2026-01-01 00:10:01"), 1):
        result.add(record(view(number, time), timestamp=now))
    assert (result.stored.total(), result.late.total()) == (3, 0)
    result.add(record(view(4, "2026-01-01 00:05:01"), timestamp=now))
    assert result.late.total() == 1


def test_what_a_sink_refused_counts_as_broken() -> None:
    result = Recount(300_000_000, 300_000_000, 300_000_000, refused=frozenset({(0, 7)}))
    for offset in (6, 7, 8):
        each = record(view(offset, "2026-01-01 00:00:00"))
        each.offset = offset
        result.add(each)
    assert (result.broken, result.stored.total()) == (1, 2)
