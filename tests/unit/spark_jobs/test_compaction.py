"""Closed days become few files: readers and the job go on meanwhile, and a process may die at each step."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from eventmill.config.settings import Settings
from eventmill.databases import query_engines
from eventmill.lake import checkpoint_progress, hive_tables, partition_locations, webhdfs
from eventmill.lake.hadoop_files import Files
from eventmill.lake.partition_locations import NOTE, Location, Locations
from ops.maintenance import compaction
from ops.maintenance.compaction import CompactionError, Scan
from spark_jobs.sinks.file_commit import commit_files, remove_others
from spark_jobs.sinks.parquet_tables import batch_name, parquet
from spark_jobs.state.lock import PipelineLock
from spark_jobs.state.state_store import State
from spark_jobs.state.watermark import Progress
from tests.support import settings
from tests.unit.spark_jobs.crashes import CrashError

PIPELINE, TABLE = "clicks", "commerce"
FIRST, SECOND, OPEN = "day=2026-01-01", "day=2026-01-02", "day=2026-01-03"
CLOSED = datetime(2026, 1, 3, 0, 5, tzinfo=UTC)
SCHEMA = pa.schema([("window_start", pa.timestamp("us", "UTC")), ("source", pa.string())])
MOVE = re.compile(r"ALTER TABLE commerce PARTITION \(`day` = '(.*)'\) SET LOCATION '.*/eventmill/clicks/(.*)'")


def die() -> None:
    """End the process."""
    raise CrashError


class Stack:
    """HDFS in a folder, Hive as a dictionary of days, and a job that adds files to a table."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark = spark
        self.settings = settings(state_dir=folder / "state", compaction_keep_seconds=0)
        self.root = folder / "hdfs"
        self.files = Files(spark, f"file://{self.root}")
        self.moved: dict[str, str] = {}
        self.expected: dict[str, list[int]] = {}
        self.batch = 0
        self._left, self._happens = -1, die
        (self.root / "state" / "9").mkdir(parents=True)
        state = State(9, 300, Progress(closed=int(CLOSED.timestamp()) * 1_000_000))
        (self.root / "state" / "9" / "state.json").write_bytes(msgspec.json.encode(state))

    def write(self, *days: str) -> None:
        """What the job does in a batch: a row in each of these days, known by the batch."""
        aside = self.root / "staging" / str(self.batch)
        aside.mkdir(parents=True)
        written = {}
        for day in days:
            written[f"{day}/{batch_name(self.batch)}.parquet"] = f"staging/{self.batch}/{day}"
            row = {"window_start": CLOSED + timedelta(microseconds=self.batch), "source": str(self.batch)}
            (aside / day).write_bytes(parquet([row], SCHEMA))
            self.expected.setdefault(day, []).append(self.batch)
        commit_files(self.files, TABLE, written)
        self.batch += 1

    def seen(self) -> dict[str, list[int]]:
        """By day, the batches whose rows a reader of Hive sees."""
        return {day: sorted(rows) for day in self.expected if (rows := self._rows(self.folder(day)))}

    def folder(self, day: str) -> Path:
        """Where Hive reads a day."""
        return self.root / self.moved.get(day.removeprefix("day="), f"{TABLE}/{day}")

    def names(self, day: str) -> list[str]:
        """The files that Hive reads of a day."""
        return sorted(path.name for path in self.folder(day).glob("[!._]*"))

    def _rows(self, folder: Path) -> list[int]:
        found = [pq.read_table(path, partitioning=None).to_pylist() for path in sorted(folder.glob("[!._]*"))]
        assert all(row["window_start"].microsecond == int(row["source"]) for rows in found for row in rows)
        return [int(row["source"]) for rows in found for row in rows]

    def compact(self) -> list[compaction.Compacted]:
        """Compact."""
        return compaction.compact_pipeline(self.settings, PIPELINE)

    def before(self, step: int, happens: Callable[[], None]) -> None:
        """Let something happen before that step of the next run, of all that change something."""
        self._left, self._happens = step, happens

    def dies(self, step: int) -> bool:
        """Compact in a process that dies before that step; False when it has no such step."""
        self.before(step, die)
        try:
            self.compact()
        except CrashError:
            return True
        return False

    def note(self) -> Locations:
        """What the note says."""
        return partition_locations.read_locations(self.settings, PIPELINE)

    def _step(self) -> None:
        self._left -= 1
        if self._left == -1:
            self._happens()

    def _path(self, path: str) -> Path:
        return self.root / path.removeprefix(f"/eventmill/{PIPELINE}/")

    def entries(self, _: Settings, folder: str) -> list[webhdfs.FileStatus]:
        """As WebHDFS; Hadoop's files with checksums are none on HDFS."""
        found = self._path(folder).glob("*")
        return sorted(webhdfs.FileStatus(each.name, each.stat().st_size) for each in found if each.suffix != ".crc")

    def exists(self, _: Settings, path: str) -> bool:
        """As WebHDFS."""
        return self._path(path).exists()

    def read(self, _: Settings, path: str) -> bytes:
        """As WebHDFS."""
        return self._path(path).read_bytes()

    def write_file(self, _: Settings, content: IO[bytes] | bytes, path: str) -> None:
        """As WebHDFS."""
        self._step()
        self._path(path).parent.mkdir(parents=True, exist_ok=True)
        self._path(path).write_bytes(content if isinstance(content, bytes) else content.read())

    def bring(self, _: Settings, file: Path, path: str) -> None:
        """As WebHDFS."""
        if self._path(path).exists():
            raise webhdfs.HdfsError(path)
        self.write_file(_, file.read_bytes(), path)

    def delete(self, _: Settings, path: str) -> None:
        """As WebHDFS."""
        self._step()
        shutil.rmtree(self._path(path), ignore_errors=True)

    def hive(self, _: Settings, statement: str) -> query_engines.QueryResult:
        """As HiveServer2."""
        self._step()
        if moved := MOVE.match(statement):
            self.moved[moved[1]] = moved[2]
        return query_engines.QueryResult()

    def scan(self, _: Settings, _table: str, days: list[str]) -> Scan:
        """As Presto."""
        rows = [row for day in days for row in sorted(self._rows(self.folder(f"day={day}")))]
        return Scan(len(rows), (str(rows),), 0.0)


@pytest.fixture
def stack(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """One whose table has nothing."""
    made = Stack(spark, tmp_path)
    for name in ("entries", "exists", "read", "bring", "delete"):
        monkeypatch.setattr(webhdfs, name, getattr(made, name))
    monkeypatch.setattr(webhdfs, "write", made.write_file)
    monkeypatch.setattr(query_engines, "hive", made.hive)
    monkeypatch.setattr(hive_tables, "apply_hive_tables", lambda *_: (TABLE,))
    monkeypatch.setattr(compaction, "scan", made.scan)
    monkeypatch.setattr(checkpoint_progress, "newest_commit", lambda _settings, _pipeline: made.batch - 1)
    return made


def test_the_files_of_closed_days_become_one(stack: Stack) -> None:
    for _ in range(5):
        stack.write(FIRST, OPEN)
    stack.write(SECOND)
    [found] = stack.compact()
    assert (found.table, found.days, found.before.files, found.after.files) == (TABLE, 1, 5, 1)
    assert stack.seen() == stack.expected
    assert stack.names(FIRST) == ["compacted-00000.parquet"]
    assert len(stack.names(OPEN)) == 5
    assert len(stack.names(SECOND)) == 1
    assert stack.compact() == []


def test_what_comes_late_is_seen_at_once_and_compacted_the_next_time(stack: Stack) -> None:
    stack.write(FIRST)
    stack.write(FIRST)
    stack.compact()
    stack.write(FIRST)
    assert stack.seen() == stack.expected
    assert stack.compact() == []
    stack.write(FIRST)
    [found] = stack.compact()
    assert (found.before.files, found.after.files) == (3, 1)
    assert stack.seen() == stack.expected
    assert not (stack.root / TABLE / FIRST).exists()


def test_batches_that_are_not_finished_are_left_as_they_are(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        stack.write(FIRST)
    monkeypatch.setattr(checkpoint_progress, "newest_commit", lambda _settings, _pipeline: 1)
    stack.compact()
    assert stack.names(FIRST) == ["batch-0000000002.parquet", "compacted-00000.parquet"]
    assert stack.seen() == stack.expected
    remove_others(stack.files, TABLE, "day=*/batch-0000000002.parquet", [])
    assert stack.seen() == {FIRST: [0, 1]}


def test_a_crash_at_each_step_changes_nothing_and_the_job_goes_on(stack: Stack) -> None:
    for _ in range(3):
        stack.write(FIRST, SECOND)
    steps = 0
    while stack.dies(steps):
        steps += 1
        assert stack.seen() == stack.expected
        stack.write(FIRST, SECOND, OPEN)
        assert stack.seen() == stack.expected
    assert steps > 7
    assert stack.seen() == stack.expected
    assert max(len(stack.names(day)) for day in (FIRST, SECOND)) <= 2
    assert not list(stack.note().moving())


def test_what_the_job_writes_before_any_step_is_kept(stack: Stack) -> None:
    steps, written = 0, True
    while written:
        stack.write(FIRST)
        stack.write(FIRST)
        before = stack.batch
        stack.before(steps, lambda: stack.write(FIRST))
        stack.compact()
        written = stack.batch > before
        steps += 1
        assert stack.seen() == stack.expected
    assert steps > 5


def test_what_the_job_writes_while_a_day_begins_to_move_gets_into_both_folders(stack: Stack) -> None:
    stack.write(FIRST)
    place = Location(f"{TABLE}/{FIRST}", f"compacted/{TABLE}/{FIRST}/v1")

    class Slow(Files):
        """Files of a job that has read the note before it changes."""

        def replace(self, source: str, target: str) -> None:
            """Rename, and let the day move."""
            super().replace(source, target)
            (stack.root / NOTE).write_bytes(partition_locations.encode_note(Locations({TABLE: {FIRST: place}})))

    stack.files = Slow(stack.spark, stack.files.root)
    stack.write(FIRST)
    for folder in place.folders:
        assert (stack.root / folder / "batch-0000000001.parquet").exists()


def test_folders_stay_for_their_time(stack: Stack) -> None:
    stack.settings = settings(state_dir=stack.settings.state_dir)
    stack.write(FIRST)
    stack.write(FIRST)
    stack.compact()
    stack.compact()
    assert len(list((stack.root / TABLE / FIRST).glob("*.parquet"))) == 2


def test_before_the_first_batch_there_is_nothing_to_do(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_progress, "newest_commit", lambda _settings, _pipeline: None)
    monkeypatch.setattr(hive_tables, "apply_hive_tables", lambda *_: pytest.fail("Hive is asked"))
    assert stack.compact() == []


def test_another_process_that_compacts_the_pipeline_is_named(stack: Stack) -> None:
    lock = PipelineLock(stack.settings, f"{PIPELINE}-compaction")
    assert lock.take("another")
    with pytest.raises(CompactionError, match=r"clicks is being compacted \(another, process"):
        stack.compact()
    lock.release()


def test_rows_that_are_lost_are_told(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.write(FIRST)
    stack.write(FIRST)
    counts = iter([Scan(2, ("a",), 0.0), Scan(1, ("a",), 0.0)])
    monkeypatch.setattr(compaction, "scan", lambda *_: next(counts))
    with pytest.raises(CompactionError, match="commerce has 1 rows, not 2 as before, in 2026-01-01"):
        stack.compact()


def test_rows_are_written_in_files_of_the_target_size_that_have_one_schema(tmp_path: Path) -> None:
    def content(first: int, schema: pa.Schema) -> bytes:
        rows = [{"window_start": CLOSED, "source": str(n), "more": n} for n in range(first, first + 1000)]
        return parquet(rows, schema)

    more = SCHEMA.append(pa.field("more", pa.int64()))
    contents = [content(0, SCHEMA), content(1000, SCHEMA), content(2000, more), content(3000, more)]
    found = [pq.ParquetFile(path) for path in compaction.rewrite(iter(contents), tmp_path, 2**20)]
    assert [(file.metadata.num_rows, file.metadata.num_row_groups) for file in found] == [(2000, 1), (2000, 1)]
    assert [file.schema.column(0).physical_type for file in found] == ["INT96", "INT96"]
    assert found[0].read()["source"].to_pylist() == [str(n) for n in range(2000)]


def test_large_files_are_not_joined_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "ROW_GROUP", 1)
    contents = [parquet([{"window_start": CLOSED, "source": str(n)}], SCHEMA) for n in range(4)]
    found = [pq.read_table(path)["source"].to_pylist() for path in compaction.rewrite(iter(contents), tmp_path, 250)]
    assert found == [["0", "1", "2"], ["3"]]
