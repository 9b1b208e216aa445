"""A pipeline's final table from HDFS into MySQL's staging table by LOAD DATA, instead of by Sqoop (`EXPORT_BY`).

    python -m ops.maintenance.load_data clicks commerce

The Parquet files of the Hive table are read over WebHDFS and handed to MySQL as CSV, day by day.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import typer

from eventmill.config.errors import EventmillError
from eventmill.config.settings import Settings, load
from eventmill.databases import mysql
from eventmill.lake import partition_locations, webhdfs
from ops.maintenance import export

AT_ONCE = 2
"""The days that are read and loaded at the same time."""

LOAD = """
LOAD DATA LOCAL INFILE %(file)s INTO TABLE {table} CHARACTER SET utf8mb4
FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '"' ESCAPED BY '' LINES TERMINATED BY '\\n' ({columns})
"""


class LoadError(EventmillError):
    """MySQL did not take all rows as they are; the message says how many, and what it says of the first."""


def stage(settings: Settings, pipeline: str, table: str, on_rows: Callable[[int], None] = lambda _: None) -> int:
    """Fill the table's new staging table with what Hive's table of that name has; returns how many rows.

    Args:
        on_rows: is told the rows so far.

    Raises:
        LoadError: when MySQL would change or leave out a row.
        requests.RequestException: when HDFS is away.
        mysql.connector.Error: when MySQL is away.
    """
    with mysql.connect(settings) as connection:
        export.make_staging(connection, table)
    folders = [
        partition_locations.path(pipeline, folder)
        for folder in partition_locations.days(settings, pipeline, table).values()
    ]
    done = 0
    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as pool:
        aside = Path(stack.enter_context(TemporaryDirectory()))
        free: SimpleQueue[Any] = SimpleQueue()
        for _ in range(AT_ONCE):
            free.put(stack.enter_context(mysql.connect(settings, allow_local_infile_in_path=str(aside))))
        days = [pool.submit(_load_day, settings, folder, table, aside, free) for folder in folders]
        try:
            for day in days:
                done += day.result()
                on_rows(done)
        finally:
            pool.shutdown(cancel_futures=True)
    return done


def _load_day(settings: Settings, folder: str, table: str, aside: Path, free: SimpleQueue[Any]) -> int:
    """Load the files of a day, if there are any, by one of the free connections; returns how many rows."""
    names = [entry.name for entry in webhdfs.entries(settings, folder) if not entry.is_hidden]
    if not names:
        return 0
    rows = pa.concat_tables(_read(settings, f"{folder}/{name}") for name in names)
    connection = free.get()
    try:
        _load(connection, f"{table}{export.STAGING_SUFFIX}", rows, aside / f"{uuid4()}.csv")
        connection.commit()
    finally:
        free.put(connection)
    return int(rows.num_rows)


def _read(settings: Settings, path: str) -> pa.Table:
    """A file's columns, without the day, which Hive has from the folder's name."""
    table = pq.read_table(pa.BufferReader(webhdfs.read(settings, path)))
    return table.cast(pa.schema([_without_zone(field) for field in table.schema]))


def _without_zone(field: pa.Field) -> pa.Field:
    """A time as MySQL reads it: in UTC and without saying so."""
    return field.with_type(pa.timestamp("us")) if pa.types.is_timestamp(field.type) else field


def _load(connection: Any, table: str, rows: pa.Table, file: Path) -> None:
    pyarrow.csv.write_csv(rows, file, pyarrow.csv.WriteOptions(include_header=False))
    statement = LOAD.format(table=table, columns=", ".join(rows.column_names))
    with closing(connection.cursor()) as cursor:
        cursor.execute(statement, {"file": str(file)})
        loaded = cursor.rowcount
        # From a client's file MySQL leaves out or mends what is wrong, with no more than a warning.
        cursor.execute("SHOW WARNINGS LIMIT 1")
        warnings = cursor.fetchall()
    file.unlink()
    if warnings or loaded != rows.num_rows:
        said = f": {warnings[0][2]}" if warnings else ""
        raise LoadError(f"of {rows.num_rows} rows MySQL took {loaded} into {table}{said}")


def main(pipeline: str, table: str) -> None:
    """Stage a table of a pipeline."""
    stage(load(), pipeline, table, lambda rows: typer.echo(f"{rows:,} rows staged"))


if __name__ == "__main__":
    typer.run(main)
