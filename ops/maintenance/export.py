"""A pipeline's final table on its way from Hive to MySQL: publishing what was staged, and comparing both sides.

The staging table is there from `make_staging` to `publish_export`, so its being there says that it is still to be
published. Table names come from the code, never from data. Times are UTC.
"""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Any, NamedTuple

from eventmill.config.errors import EventmillError
from eventmill.config.settings import ROOT, Settings
from eventmill.lake import committed_batches, webhdfs

STAGING_SUFFIX = "_staging"
PREVIOUS_SUFFIX = "_previous"
LOCK_SECONDS = 30
SQOOP_MAPPERS = 2
SQOOP_PROPERTIES = {"sqoop.export.records.per.statement": "1000", "mapreduce.local.map.tasks.maximum": "2"}
SQOOP_OPTIONS = {"connection-param-file": str(ROOT / "engines" / "sqoop" / "conf" / "mysql.properties")}
PATIENCE = f"SET SESSION lock_wait_timeout = {LOCK_SECONDS}"
EXISTS = "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = %(name)s"


class Total(NamedTuple):
    """One side's total of one day: its rows and the sum of their counts."""

    rows: int
    sum: int


Totals = dict[str, Total]


class ReconcileError(EventmillError):
    """Hive and MySQL differ; the message says on which days and by how much."""


def final_until(settings: Settings, pipeline: str) -> str | None:
    """The time (`yyyy-MM-dd HH:mm:ss`) up to which all windows of a pipeline are final; None before the first batch."""
    batch = committed_batches.newest_batch(settings, pipeline)
    if batch is None:
        return None
    return closed_until(webhdfs.read_json(settings, f"{committed_batches.states(pipeline)}/{batch}/state.json"))


def closed_until(state: dict[str, Any]) -> str:
    """The closing watermark of a job's state as `yyyy-MM-dd HH:mm:ss`; the epoch while no window is closed."""
    closed_us = max(0, state["progress"]["closed"])
    return f"{datetime.fromtimestamp(closed_us // 1_000_000, UTC):%Y-%m-%d %H:%M:%S}"


def make_staging(connection: Any, table: str) -> None:
    """Make an empty staging table like the table; one that an earlier try has left is dropped.

    Raises:
        mysql.connector.Error: when another process fills it for LOCK_SECONDS more, or MySQL is away.
    """
    _execute(connection, PATIENCE)
    _execute(connection, f"DROP TABLE IF EXISTS {table}{STAGING_SUFFIX}")
    _execute(connection, f"CREATE TABLE {table}{STAGING_SUFFIX} LIKE {table}")


def publish_export(connection: Any, table: str) -> None:
    """Put the staging table in the table's place, at once: a reader sees the old rows or the new rows.

    Can be repeated: without a staging table there is nothing left to do. Waits for transactions that have read the
    table, for at most LOCK_SECONDS; those that want to read it meanwhile wait too.

    Raises:
        mysql.connector.Error: when they take longer, or MySQL is away; the table is then the old one or the new one.
    """
    _execute(connection, PATIENCE)
    _execute(connection, f"DROP TABLE IF EXISTS {table}{PREVIOUS_SUFFIX}")
    if _rows(connection, EXISTS, name=f"{table}{STAGING_SUFFIX}"):
        swap = f"{table} TO {table}{PREVIOUS_SUFFIX}, {table}{STAGING_SUFFIX} TO {table}"
        _execute(connection, f"RENAME TABLE {swap}")
        _execute(connection, f"DROP TABLE {table}{PREVIOUS_SUFFIX}")


def commerce_by_source(connection: Any) -> list[tuple[str, int]]:
    """The clicks of each platform over all windows, largest first."""
    query = "SELECT source, SUM(source_number) AS clicks FROM commerce GROUP BY source ORDER BY clicks DESC, source"
    return [(source, int(clicks)) for source, clicks in _rows(connection, query)]


def commerce_in_mysql(connection: Any, final: str) -> Totals:
    """By day, the windows that end at `final` (`yyyy-MM-dd HH:mm:ss`) or before, as MySQL holds them."""
    query = (
        "SELECT DATE(window_start), COUNT(*), SUM(source_number) FROM commerce "
        "WHERE window_end <= %(final)s GROUP BY DATE(window_start)"
    )
    return _totals(_rows(connection, query, final=final))


def commerce_in_hive(settings: Settings, final: str) -> Totals:
    """By day, the windows that end at `final` (`yyyy-MM-dd HH:mm:ss`) or before, as HiveServer2 reads them in HDFS."""
    from pyhive import hive

    query = (
        "SELECT `day`, COUNT(*), SUM(source_number) FROM commerce "
        "WHERE window_end <= CAST(%(final)s AS TIMESTAMP) GROUP BY `day`"
    )
    with closing(hive.connect(settings.hive_server_host, settings.hive_server_port, username="airflow")) as connection:
        return _totals(_rows(connection, query, final=final))


def differences(hive: Totals, mysql: Totals) -> list[str]:
    """One sentence a day on which the two sides differ."""
    nothing = Total(0, 0)
    pairs = {day: (hive.get(day, nothing), mysql.get(day, nothing)) for day in sorted(hive | mysql)}
    return [
        f"{day}: HDFS has {left.rows} windows with {left.sum} clicks, MySQL {right.rows} with {right.sum}"
        for day, (left, right) in pairs.items()
        if left != right
    ]


def require_equal(hive: Totals, mysql: Totals) -> None:
    """Raise a ReconcileError that names every day on which the two sides differ."""
    if found := differences(hive, mysql):
        raise ReconcileError("HDFS and MySQL differ; " + "; ".join(found))


def _totals(rows: list[tuple[Any, ...]]) -> Totals:
    return {str(day): Total(int(count), int(total)) for day, count, total in rows}


def _rows(connection: Any, query: str, **parameters: str) -> list[tuple[Any, ...]]:
    with closing(connection.cursor()) as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


def _execute(connection: Any, statement: str) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.execute(statement)
