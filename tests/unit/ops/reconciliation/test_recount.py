"""The count from Kafka comes to the truth by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from zlib import crc32

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventmill.databases import query_engines
from eventmill.kafka import topic_reader
from ops.datagen import product_views, spec
from ops.reconciliation import recount
from ops.reconciliation.last_check import ViewSums
from ops.reconciliation.recount import Recount
from spark_jobs.state.watermark import LONG_AGO
from tests.support import settings

RECEIVED = 1780000000000
MINUTE = 60_000_000


def record(value: bytes, partition: int = 0, timestamp: int = RECEIVED, offset: int = 0) -> SimpleNamespace:
    """A record of Kafka."""
    return SimpleNamespace(key=b"user-1", value=value, partition=partition, offset=offset, timestamp=timestamp)


def view(messageid: int, time: str, source: str = "mobile") -> bytes:
    """A product view."""
    event = product_views.view_event(
        product_views.View(f"00000000-0000-4000-a000-{messageid:012d}", "user-1", "product-1", source, 0)
    )
    return msgspec.json.encode(event | {"timestamp": time})


def counted(*records: SimpleNamespace) -> Recount:
    """The count of these records, with windows and a watermark of five minutes."""
    result = Recount(300_000_000, 300_000_000)
    for each in records:
        result.add(each)
    return result


@pytest.mark.parametrize("partitions", [1, 4])
def test_a_generated_file_is_counted_as_its_truth_says(tmp_path: Path, partitions: int) -> None:
    wanted = spec.Spec(count=5000, late=0.05, duplicates=0.05, broken=0.05)
    truth = product_views.write_product_views(wanted, tmp_path / "clicks", tmp_path / "truth")
    lines = (tmp_path / "clicks").read_bytes().splitlines()
    found = counted(*(record(line, _partition(line, partitions)) for line in lines))
    for name, count in (("stored", "count"), ("late", "late"), ("duplicates", "duplicates")):
        expected = Counter(
            {(query_engines.time_text(w.window_start), w.source): getattr(w, count) for w in truth.windows}
        )
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
    monkeypatch.setattr(topic_reader, "consumer", lambda _: nullcontext())
    monkeypatch.setattr(topic_reader, "records_between", lambda _client, _topic, _limits: iter(range(recount.STEP + 1)))
    told: list[int] = []
    limits = {0: topic_reader.OffsetRange(0, recount.STEP + 7)}
    assert recount.recount_records(settings(), "events", limits, told.append) == recount.STEP + 1
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


PARTITIONS = 3
BROKEN = b"{"


@st.composite
def topics(draw: st.DrawFn) -> list[SimpleNamespace]:
    """Records of some partitions in any order of their times: events, exact copies of some, and broken ones."""
    minutes = draw(st.lists(st.integers(0, 90), min_size=1, max_size=12))
    texts = [f"2026-01-01 {minute // 60:02}:{minute % 60:02}:00" for minute in minutes]
    values = [BROKEN, *(view(number, time, f"s{number % 2}") for number, time in enumerate(texts))]
    found = draw(st.lists(st.tuples(st.sampled_from(values), st.integers(0, PARTITIONS - 1)), max_size=40))
    return [record(value, partition, offset=offset) for offset, (value, partition) in enumerate(found)]


def piece(records: list[SimpleNamespace], before: ViewSums | None, closed: int, batch: int) -> Recount:
    """The count of these records after those that were counted before."""
    ends = {each.partition: each.offset + 1 for each in records}
    result = Recount(5 * MINUTE, 5 * MINUTE, closed=closed, batch=batch, ends=ends)
    if before:
        # As from a note.
        result.go_on(msgspec.json.decode(msgspec.json.encode(before), type=ViewSums))
    for each in records:
        result.add(each)
    return result


def slowest(result: Recount) -> int:
    """The closing watermark of a job that waits for all partitions."""
    return min(result._newest.get(number, LONG_AGO) for number in range(PARTITIONS)) - 5 * MINUTE


@given(topics(), st.sets(st.integers(0, 40)), st.integers(1, 50))
def test_a_count_in_pieces_is_that_of_all_at_once(records: list[SimpleNamespace], cuts: set[int], batch: int) -> None:
    whole = counted(*records)
    found: Recount | None = None
    edges = [0, *sorted(cuts), len(records)]
    for first, end in pairwise(edges):
        before = found.views() if found else None
        # Each piece ends with a state of the job, whose closing watermark is known before it is counted.
        closed = slowest(piece(records[first:end], before, LONG_AGO, batch))
        found = piece(records[first:end], before, closed, batch)
    assert found
    for name in ("stored", "late", "duplicates", "broken", "moved", "_newest"):
        assert getattr(found, name) == getattr(whole, name), name


def hours(number: int) -> list[SimpleNamespace]:
    """An event a minute for so many hours, in two partitions in turn."""
    times = ((minute, f"2026-01-{1 + minute // 1440:02}") for minute in range(number * 60))
    return [
        record(view(minute, f"{day} {minute // 60 % 24:02}:{minute % 60:02}:00"), minute % 2, offset=minute)
        for minute, day in times
    ]


def test_memory_is_bounded_by_what_the_job_remembers() -> None:
    records = hours(48)
    result = piece(records, None, slowest_at_end := time_of("2026-01-02 23:50:00"), batch=10)
    assert result.stored.total() == len(records)
    assert len(result._seen) < 50
    assert len(result.views().seen) // 24 <= 20
    assert slowest_at_end == result.closed


def test_the_partition_whose_time_lies_behind_is_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the identities of a small one are not all there before the large ones have come as far."""
    found: list[tuple[int, int]] = []

    def in_step(*_: object, reached: Callable[[int], int]) -> Iterator[SimpleNamespace]:
        for minute in (7, 5):
            yield record(view(minute, f"2026-01-01 00:0{minute}:00"), partition=minute)
            found.append((reached(7), reached(5)))

    monkeypatch.setattr(topic_reader, "consumer", lambda _: nullcontext())
    monkeypatch.setattr(topic_reader, "in_step", in_step)
    recount.recount(settings(), "clicks", {})
    seven, five = time_of("2026-01-01 00:07:00"), time_of("2026-01-01 00:05:00")
    assert found == [(seven, LONG_AGO), (seven, five)]


def test_what_the_jobs_state_remembers_is_never_forgotten() -> None:
    result = piece(hours(48), None, closed := time_of("2026-01-01 12:00:00"), batch=10)
    remembered = [time for time in result._seen.values() if time - time % (5 * MINUTE) + 10 * MINUTE > closed]
    assert len(remembered) == 36 * 60 + 5


def test_a_partition_that_comes_later_is_waited_for() -> None:
    """One partition's records may all be read before those of another, which has copies of them."""
    first = hours(10)
    for each in first:
        each.partition = 0
    copies = [record(each.value, 1, offset=each.offset) for each in first]
    result = Recount(5 * MINUTE, 5 * MINUTE, closed=2**62, batch=10, ends={0: 600, 1: 600})
    for each in [*first, *copies]:
        result.add(each)
    assert (result.stored.total(), result.duplicates.total()) == (600, 600)


def test_a_copy_with_another_time_is_known_for_a_batch_at_least() -> None:
    """A batch of the job may span hours, and remembers all that was there when it began."""
    records = hours(10)
    records.append(record(view(400, "2026-01-01 09:59:00"), 0, offset=600))
    result = piece(records, None, 2**62, batch=200)
    assert (result.moved, result.duplicates.total()) == (1, 1)


def time_of(text: str) -> int:
    """Microseconds since the epoch."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000
