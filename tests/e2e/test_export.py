"""MySQL's table on its way there by LOAD DATA: all rows as they are, or those of before, whatever is killed."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pyarrow as pa
import pytest
from mysql.connector import Error

from eventmill.config.polling import until
from eventmill.databases import mysql
from eventmill.lake import webhdfs
from ops.maintenance import export, load_data
from ops.maintenance.load_data import LoadError
from ops.stack.engines import service_environment
from ops.stack.isolated_stack import IsolatedStack
from spark_jobs.sinks.parquet_tables import TIME, parquet
from tests.e2e.pipeline import Pipeline

PIPELINE, TABLE = "load", "loaded"
FOLDER = f"/eventmill/{PIPELINE}/{TABLE}"
START = datetime(2026, 1, 1, tzinfo=UTC)
QUOTES = ('"', 'say "hi"', "'", "a,b", "\\", "\\n", "\\N", "NULL", "two\nlines", "\r\n", "\t", " ")
NAMES = ("desktop", "téléphone", "手机", "📱", "x" * 255, *QUOTES)
SCHEMA = pa.schema({"window_start": TIME, "window_end": TIME, "source": pa.string(), "source_number": pa.int64()})
MANY = 100_000
KILLS = 10
EXPORT = f"""
from eventmill.config import settings
from eventmill.databases import mysql
from ops.maintenance import export, load_data
values = settings.load()
load_data.stage(values, "{PIPELINE}", "{TABLE}")
with mysql.connect(values) as connection:
    export.publish_export(connection, "{TABLE}")
"""

Row = tuple[datetime, datetime, str, int]


class Table:
    """The table in both places."""

    def __init__(self, stack: IsolatedStack) -> None:
        self.stack = stack
        self.settings = stack.settings
        self.pipeline = Pipeline(stack, "clicks")

    def put(self, folder: Path, rows: list[Row], day: str = "2026-01-01") -> None:
        """Make these rows the only ones on HDFS."""
        file = folder / "rows.parquet"
        file.write_bytes(parquet((dict(zip(SCHEMA.names, row, strict=True)) for row in rows), SCHEMA))
        webhdfs.delete(self.settings, FOLDER)
        webhdfs.make_folder(self.settings, f"{FOLDER}/day={day}")
        webhdfs.bring(self.settings, file, f"{FOLDER}/day={day}/rows.parquet")

    def export(self) -> int:
        """Bring them to MySQL; returns how many were staged."""
        staged = load_data.stage(self.settings, PIPELINE, TABLE)
        with mysql.connect(self.settings) as connection:
            export.publish_export(connection, TABLE)
        return staged

    def select(self, query: str) -> list[tuple[object, ...]]:
        """What MySQL answers."""
        with mysql.connect(self.settings) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def rows(self) -> list[tuple[object, ...]]:
        """What MySQL has."""
        query = f"SELECT window_start, window_end, source, source_number FROM {TABLE}"
        return sorted(self.select(query), key=str)


@pytest.fixture
def table(doors: IsolatedStack) -> Iterator[Table]:
    """An empty one."""
    doors.eventmill("up", "datanode", "mysql")
    mysql.apply_tables(doors.settings)
    found = Table(doors)
    with mysql.connect(found.settings) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {TABLE} LIKE commerce")
    yield found
    with mysql.connect(found.settings) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {TABLE}, {TABLE}_staging, {TABLE}_previous")
    webhdfs.delete(found.settings, FOLDER)


def counted(number: int, names: tuple[str, ...] = ("desktop",), count: int = 1) -> list[Row]:
    """Rows of so many windows for each of the names, all with that number."""
    times = [START + timedelta(minutes=5 * index) for index in range(count)]
    return [(time, time + timedelta(minutes=5), name, number) for time in times for name in names]


def as_mysql(rows: list[Row]) -> list[tuple[object, ...]]:
    """The same as MySQL gives them: in UTC and without saying so."""
    bare = [(start.replace(tzinfo=None), end.replace(tzinfo=None), *rest) for start, end, *rest in rows]
    return sorted(bare, key=str)


def test_every_row_arrives_as_it_is_and_replaces_those_before(table: Table, tmp_path: Path) -> None:
    table.put(tmp_path, counted(1, ("gone",)))
    assert table.export() == 1
    rows = counted(7, NAMES, 3)
    table.put(tmp_path, rows)
    assert table.export() == len(rows)
    assert table.rows() == as_mysql(rows)


def test_publishing_again_changes_nothing(table: Table, tmp_path: Path) -> None:
    for number in (1, 2):
        table.put(tmp_path, counted(number))
        table.export()
        for _ in range(2):
            with mysql.connect(table.settings) as connection:
                export.publish_export(connection, TABLE)
        assert table.rows() == as_mysql(counted(number))
    assert table.select(f"SHOW TABLES LIKE '{TABLE}%'") == [(TABLE,)]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (counted(1, ("x" * 256,)), "of 2 rows MySQL took 2 into loaded_staging: Data truncated for column 'source'"),
        (counted(0), "of 2 rows MySQL took 1 into loaded_staging: Duplicate entry '2026-01-01 00:00:00.000-desktop'"),
    ],
)
def test_a_row_that_mysql_would_change_or_leave_out_stops_the_export(
    table: Table, tmp_path: Path, wrong: list[Row], said: str
) -> None:
    table.put(tmp_path, counted(5))
    table.export()
    table.put(tmp_path, counted(6) + wrong)
    with pytest.raises(LoadError, match=said):
        table.export()
    assert table.rows() == as_mysql(counted(5))


def test_a_transaction_that_has_read_the_table_reads_the_same_again(table: Table, tmp_path: Path) -> None:
    table.put(tmp_path, counted(1))
    table.export()
    table.put(tmp_path, counted(2))
    with ThreadPoolExecutor(1) as pool, mysql.connect(table.settings) as reader, reader.cursor() as cursor:
        cursor.execute(f"SELECT source_number FROM {TABLE}")
        assert cursor.fetchall() == [(1,)]
        exported = pool.submit(table.export)
        waiting = "SELECT 1 FROM information_schema.processlist WHERE state = 'Waiting for table metadata lock'"
        until(lambda: table.select(waiting) != [], 30, "publishing does not wait for the reader")
        cursor.execute(f"SELECT source_number FROM {TABLE}")
        assert cursor.fetchall() == [(1,)]
        reader.commit()
        assert exported.result() == 1
    assert table.rows() == as_mysql(counted(2))


def looks(table: Table, done: Event) -> int:
    """Read the table until all is done, and see the rows of one export each time; returns how often."""
    number, query = 0, f"SELECT COUNT(*), MIN(source_number), MAX(source_number) FROM {TABLE}"
    while not done.is_set():
        try:
            ((count, least, most),) = table.select(query)
        except Error as error:
            if not mysql.is_away(error):
                raise
        else:
            assert count == MANY
            assert least == most
            number += 1
    return number


def export_and_kill(table: Table, after: float, victim: str) -> None:
    """Begin an export, and then end it at once, or MySQL."""
    environment = table.stack.environment | service_environment(table.settings)
    with subprocess.Popen([sys.executable, "-c", EXPORT], env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            if victim == "mysql":
                table.pipeline.kill("mysql")
                process.wait(120)
            process.kill()
    until(lambda: is_served(table), 120, "MySQL does not serve again")


def is_served(table: Table) -> bool:
    """Whether MySQL answers."""
    try:
        return table.select("SELECT 1") == [(1,)]
    except Error:
        return False


def test_killed_at_any_moment_it_leaves_the_old_rows_or_the_new_ones(table: Table, tmp_path: Path) -> None:
    rng, done = random.Random(41), Event()
    table.put(tmp_path, counted(0, count=MANY))
    table.export()
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(looks, table, done)
        try:
            for number in range(1, KILLS + 1):
                table.put(tmp_path, counted(number, count=MANY))
                export_and_kill(table, rng.uniform(1, 4), "mysql" if number % 4 == 0 else "export")
        finally:
            done.set()
        assert looking.result() > KILLS
    assert table.export() == MANY
    query = f"SELECT MIN(source_number), MAX(source_number), COUNT(*) FROM {TABLE}"
    assert table.select(query) == [(KILLS, KILLS, MANY)]
