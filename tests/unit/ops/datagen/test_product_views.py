"""The generator: the same bytes for a seed, and a truth that holds by the rules of the stream."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zlib import crc32

import pytest

from eventmill.contracts import events
from ops.datagen import faults, ground_truth, product_views, spec

NOW = datetime(2026, 6, 1, tzinfo=UTC)
Key = tuple[datetime, str]
FAULTY = spec.Spec(count=10_000, late=0.05, duplicates=0.05, broken=0.05)


def written(folder: Path, wanted: spec.Spec) -> tuple[list[bytes], ground_truth.Truth]:
    """The records of a plan as they lie in the file, and its truth as read back."""
    result = product_views.write_product_views(wanted, folder / "clicks.json", folder / "truth.json")
    assert ground_truth.read_truth(folder / "truth.json") == result
    data = (folder / "clicks.json").read_bytes()
    if wanted.array:
        return [json.dumps(element, ensure_ascii=False).encode() for element in json.loads(data)], result
    return data.splitlines(), result


class Stream:
    """The stream's rules, written down plainly: who is late, who is a duplicate, who counts."""

    def __init__(self, partitions: int, watermark: int, window: int) -> None:
        self.partitions, self.watermark, self.window = partitions, timedelta(seconds=watermark), window
        self.latest: dict[int, datetime] = {}
        self.seen: set[object] = set()
        self.counts: dict[str, Counter[Key]] = defaultdict(Counter)

    def take(self, line: bytes) -> None:
        """Count one record."""
        try:
            view = events.decode_event(events.ProductView, line, NOW)
        except events.EventError:
            self.counts["broken"][NOW, ""] += 1
            return
        time, partition = events.utc(view.timestamp), crc32(str(view.userid).encode()) % self.partitions
        key = (self._window(time), view.context.source)
        late = time <= self.latest.get(partition, time) - self.watermark if partition in self.latest else False
        verdict = "late" if late else "duplicates" if view.messageid in self.seen else "count"
        self.counts[verdict][key] += 1
        self.seen.add(view.messageid)
        self.latest[partition] = max(time, self.latest.get(partition, time))

    def _window(self, time: datetime) -> datetime:
        return datetime.fromtimestamp(time.timestamp() // self.window * self.window, UTC)


@pytest.mark.parametrize("partitions", [1, 4, 64])
@pytest.mark.parametrize(
    "wanted",
    [
        FAULTY,
        spec.Spec(count=5_000, late=0.05, duplicates=0.05, broken=0.05, array=True),
        spec.Spec(count=5_000, late=1, duplicates=1, broken=1, span=4000),
        spec.Spec(count=5_000, late=0.1, duplicates=0.1, span=600, window=10, watermark=10),
        spec.Spec(count=5_000, late=0.1, duplicates=0.1, span=600, window=10, watermark=5),
        spec.Spec(count=7, late=1, duplicates=1, broken=1),
        spec.Spec(count=1, late=1, duplicates=1, broken=1),
    ],
    ids=["lines", "array", "all faulty", "short windows", "shortest watermark", "seven", "one"],
)
def test_the_truth_is_what_the_rules_of_the_stream_come_to(tmp_path: Path, wanted: spec.Spec, partitions: int) -> None:
    lines, expected = written(tmp_path, wanted)
    stream = Stream(partitions, wanted.watermark, wanted.window)
    for line in lines:
        stream.take(line)
    for name in ("count", "late", "duplicates"):
        counts = {(w.window_start, w.source): getattr(w, name) for w in expected.windows}
        assert stream.counts[name] == Counter(counts) + Counter()
    assert stream.counts["broken"].total() == expected.planted.broken
    assert len(lines) == expected.lines


def test_as_many_faults_are_planted_as_were_asked_for(tmp_path: Path) -> None:
    lines, expected = written(tmp_path, FAULTY)
    assert expected.count == 10_000
    assert expected.planted == ground_truth.Planted(late=500, duplicates=500, broken=500)
    assert len(lines) == expected.lines == 11_500
    assert set(expected.broken_kinds) == set(faults.FAULTS | faults.LINE_FAULTS)


def test_late_ones_are_planted_only_where_time_has_passed(tmp_path: Path) -> None:
    _, expected = written(tmp_path, spec.Spec(count=1000, span=1500, late=0.5, duplicates=0.1))
    assert expected.planted == ground_truth.Planted(late=0, duplicates=100, broken=0)


def test_a_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first, again, other = (tmp_path / name for name in ("first", "again", "other"))
    for path, seed in ((first, 7), (again, 7), (other, 8)):
        product_views.write_product_views(
            spec.Spec(count=12_345, seed=seed, late=0.01, broken=0.01), path, tmp_path / f"{path.name}.truth"
        )
    assert first.read_bytes() == again.read_bytes() != other.read_bytes()
    assert (tmp_path / "first.truth").read_bytes() == (tmp_path / "again.truth").read_bytes()


def test_sources_have_names_beyond_ascii_and_unequal_shares(tmp_path: Path) -> None:
    _, expected = written(tmp_path, spec.Spec(count=20_000))
    shares: Counter[str] = Counter()
    for window in expected.windows:
        shares[window.source] += window.count
    assert [source for source, _ in shares.most_common(3)] == ["desktop", "mobile", "tablet"]
    assert {"téléphone", "手机", "телефон", "Mobile"} < set(shares) == set(product_views.SOURCES)


def test_every_layout_of_time_is_used(tmp_path: Path) -> None:
    lines, _ = written(tmp_path, spec.Spec(count=1000))
    times = [json.loads(line)["timestamp"] for line in lines]
    assert {"T" in time for time in times} == {True, False}
    assert any(time.endswith("+02:00") for time in times)


@pytest.mark.parametrize("kind", faults.FAULTS | faults.LINE_FAULTS)
def test_every_broken_record_breaks_the_contract(kind: str) -> None:
    fault = (faults.FAULTS | faults.LINE_FAULTS)[kind]
    view = product_views.View("00000000-0000-4000-a000-000000000000", "user-1", "product-1", "mobile", 1767225600)
    assert events.decode_event(events.ProductView, product_views.encode_view(view), NOW).userid == "user-1"
    with pytest.raises(events.EventError):
        events.decode_event(events.ProductView, fault(product_views.view_event(view)), NOW)


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    def full(_: int) -> None:
        raise OSError("disk full")

    (tmp_path / "clicks.json").write_text("old")
    with pytest.raises(OSError, match="disk full"):
        product_views.write_product_views(spec.Spec(count=10), tmp_path / "clicks.json", tmp_path / "truth.json", full)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("clicks.json", "old")]


def test_progress_tells_the_records_done(tmp_path: Path) -> None:
    seen: list[int] = []
    result = product_views.write_product_views(
        spec.Spec(count=25_000, broken=0.1), tmp_path / "c", tmp_path / "t", seen.append
    )
    assert seen == sorted(seen)
    assert seen[-1] == result.lines


@pytest.mark.parametrize(("text", "expected"), [("90s", 90), ("90m", 5400), ("6h", 21_600), ("2d", 172_800)])
def test_spans_are_read(text: str, expected: int) -> None:
    assert spec.seconds(text) == expected


@pytest.mark.parametrize("text", ["", "6", "h", "0h", "-1h", "1.5h", "6 hours"])
def test_a_span_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(spec.GenerateError, match="such as 90m or 6h"):
        spec.seconds(text)


@pytest.mark.parametrize(("text", "expected"), [("0%", 0), ("0.5%", 0.005), ("1%", 0.01), ("100%", 1)])
def test_shares_are_read(text: str, expected: float) -> None:
    assert spec.share(text) == expected


@pytest.mark.parametrize("text", ["", "1", "101%", "-1%", "1,5%", "%"])
def test_a_share_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(spec.GenerateError, match="percentage from 0% to 100%"):
        spec.share(text)


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00Z", "2026-01-01", "2026-01-01T02:00:00+02:00"])
def test_starts_are_read_as_utc(text: str) -> None:
    assert spec.start_time(text) == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_start_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(spec.GenerateError, match="such as 2026-01-01T00:00:00Z"):
        spec.start_time("2026-02-30")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (spec.Spec(count=0), "count 0"),
        (spec.Spec(count=1, start=NOW, span=90_000), "one day from now"),
        (spec.Spec(count=1, start=datetime(1999, 12, 31, tzinfo=UTC)), "2000-01-01"),
        (spec.Spec(count=1, watermark=4), "5 seconds"),
    ],
)
def test_a_plan_whose_truth_would_not_hold_is_refused(wanted: spec.Spec, message: str) -> None:
    with pytest.raises(spec.GenerateError, match=message):
        wanted.check(NOW)


def test_a_file_that_is_no_truth_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ground_truth.TruthError, match="cannot read the truth file"):
        ground_truth.read_truth(tmp_path / "missing")
    (tmp_path / "other").write_text("{}")
    with pytest.raises(ground_truth.TruthError, match="is not a truth file"):
        ground_truth.read_truth(tmp_path / "other")
