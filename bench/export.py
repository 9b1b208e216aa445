"""Hive's table to MySQL: the platform's two ways beside Sqoop with its defaults, Sqoop tuned, and LOAD DATA alone.

    python -m bench.export --days 70 --rounds 3

Starts HDFS, Hive and MySQL of its own, makes a Parquet file of 14,400 rows for each day, runs every peer in every
round, and compares rows and sum with what was made. What only fills a table finds an empty one; the platform's ways
stage the rows and put them in the place of those of the round before.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.csv
import typer
from rich.console import Console
from rich.table import Table

from bench.measure import run
from eventmill.airflow.connections import write_secret
from eventmill.databases import mysql
from eventmill.lake import webhdfs
from eventmill.text import svg_chart
from ops.cli.display import wide
from ops.maintenance import export, load_data
from ops.stack.engines import ENGINES, service_environment
from ops.stack.isolated_stack import IsolatedStack
from spark_jobs.sinks.parquet_tables import parquet

PIPELINE, TABLE, PLAIN = "clicks", "commerce", "commerce_plain"
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
WINDOWS, SOURCES = 288, 50
SECONDS = 3600.0


@dataclass
class Peer:
    """One way to export, with the seconds that it took in each round."""

    name: str
    once: Callable[[], None]
    table: str
    rounds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.rounds)


class Bench:
    """A Hive table of so many days on HDFS, and MySQL."""

    def __init__(self, days: int) -> None:
        self.days = days
        self.stack = IsolatedStack("bench", 41000)
        self.values = self.stack.settings
        self.environment = self.stack.environment | service_environment(self.values)
        self.file = self.stack.state_dir / "rows.csv"
        self.password = self.stack.state_dir / "mysql.password"
        self.driver = self.stack.state_dir / "driver.properties"
        self.rows = self.sum = 0

    def fill(self) -> None:
        """Start what is needed and make the rows: on HDFS, and in a CSV file for LOAD DATA alone."""
        self.stack.remove()
        self.stack.eventmill("up", "mysql", "hiveserver2")
        mysql.apply_tables(self.values)
        self._execute(f"CREATE TABLE {PLAIN} LIKE {TABLE}")
        write_secret(self.password, self.values.mysql_password)
        self.driver.write_text("rewriteBatchedStatements=true\n", "ascii")
        random = np.random.default_rng(7)
        made = [self._day(FIRST_DAY + timedelta(days=day), random) for day in range(self.days)]
        for rows in made:
            self._bring(rows)
        self.stack.eventmill("tables", PIPELINE)
        whole = pa.concat_tables(made)
        pyarrow.csv.write_csv(whole, self.file, pyarrow.csv.WriteOptions(include_header=False))
        self.rows, self.sum = whole.num_rows, int(np.sum(whole["source_number"].to_numpy()))

    def _day(self, day: datetime, random: np.random.Generator) -> pa.Table:
        starts = [day + WINDOW * index for index in range(WINDOWS) for _ in range(SOURCES)]
        columns = {
            "window_start": pa.array([start.replace(tzinfo=None) for start in starts], pa.timestamp("us")),
            "window_end": pa.array([(start + WINDOW).replace(tzinfo=None) for start in starts], pa.timestamp("us")),
            "source": pa.array([f"platform-{number:02}" for number in range(SOURCES)] * WINDOWS),
            "source_number": pa.array(random.integers(1, 100_000, WINDOWS * SOURCES)),
        }
        return pa.table(columns)

    def _bring(self, rows: pa.Table) -> None:
        aside = self.file.with_suffix(".parquet")
        aside.write_bytes(parquet(rows.to_pylist(), rows.schema))
        folder = f"/eventmill/{PIPELINE}/{TABLE}/day={rows['window_start'][0].as_py():%Y-%m-%d}"
        webhdfs.make_folder(self.values, folder)
        webhdfs.bring(self.values, aside, f"{folder}/rows.parquet")

    def sqoop_s_defaults(self) -> None:
        """Sqoop as its manual has it, into an empty table."""
        self._sqoop(PLAIN, {}, {})

    def sqoop_tuned(self) -> None:
        """The same as its manual tunes it: a thousand rows a statement, rewritten by the driver, two maps at a time."""
        properties = {
            "sqoop.export.records.per.statement": "1000",
            "sqoop.export.statements.per.transaction": "100",
            "mapreduce.local.map.tasks.maximum": "2",
        }
        self._sqoop(PLAIN, properties, {"num-mappers": "2", "connection-param-file": str(self.driver)}, "--batch")

    def load_data_alone(self) -> None:
        """A CSV file that is there already, into an empty table."""
        folder = str(self.file.parent)
        with mysql.connect(self.values, allow_local_infile_in_path=folder) as connection:
            columns = "window_start, window_end, source, source_number"
            with closing(connection.cursor()) as cursor:
                cursor.execute(load_data.LOAD.format(table=PLAIN, columns=columns), {"file": str(self.file)})
            connection.commit()

    def ours_by_sqoop(self) -> None:
        """The tasks of the DAG with `EXPORT_BY=sqoop`."""
        with mysql.connect(self.values) as connection:
            export.make_staging(connection, TABLE)
        options = {"num-mappers": str(export.SQOOP_MAPPERS), **export.SQOOP_OPTIONS}
        self._sqoop(f"{TABLE}{export.STAGING_SUFFIX}", export.SQOOP_PROPERTIES, options)
        self._publish()

    def ours_by_load_data(self) -> None:
        """The same as the tasks of the DAG with `EXPORT_BY=load-data`."""
        load_data.stage(self.values, PIPELINE, TABLE)
        self._publish()

    def _publish(self) -> None:
        with mysql.connect(self.values) as connection:
            export.publish_export(connection, TABLE)

    def _sqoop(self, table: str, properties: Mapping[str, str], options: Mapping[str, str], *flags: str) -> None:
        where = f"jdbc:mysql://{self.values.mysql_host}:{self.values.mysql_port}/{self.values.mysql_database}"
        login = ["--username", self.values.mysql_user, "--password-file", self.password.as_uri()]
        command = [str(ENGINES / "sqoop" / "bin" / "sqoop"), "export"]
        command += [f"-D{name}={value}" for name, value in properties.items()]
        command += ["--connect", where, *login, "--table", table]
        command += ["--hcatalog-database", "default", "--hcatalog-table", TABLE]
        command += [word for name, value in options.items() for word in (f"--{name}", value)]
        run([*command, *flags], self.environment, SECONDS)

    def measure(self, peer: Peer) -> float:
        """Run it once on what it expects and check the rows; returns the seconds."""
        self._execute(f"TRUNCATE TABLE {PLAIN}")
        begun = time.monotonic()
        peer.once()
        seconds = time.monotonic() - begun
        with mysql.connect(self.values) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(f"SELECT COUNT(*), SUM(source_number) FROM {peer.table}")  # noqa: S608 - names of our own
            rows, total = cursor.fetchone()
        if (rows, int(total)) != (self.rows, self.sum):
            raise AssertionError(f"{peer.name}: {rows} rows with the sum {total}, not {self.rows} with {self.sum}")
        return seconds

    def _execute(self, statement: str) -> None:
        with mysql.connect(self.values) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(statement)


def main(
    days: Annotated[int, typer.Option(min=1, help="Days of 14,400 rows.")] = 70,
    rounds: Annotated[int, typer.Option(min=1, help="How often each peer runs.")] = 3,
    picture: Annotated[Path | None, typer.Option("--chart", help="Where to draw a chart, as SVG.")] = None,
) -> None:
    """Run the benchmark and print its table."""
    console, bench = wide(), Bench(days)
    try:
        bench.fill()
        peers = [
            Peer("Sqoop, its defaults", bench.sqoop_s_defaults, PLAIN),
            Peer("Sqoop, tuned", bench.sqoop_tuned, PLAIN),
            Peer("LOAD DATA of a file that is there", bench.load_data_alone, PLAIN),
            Peer("ours, EXPORT_BY=sqoop", bench.ours_by_sqoop, TABLE),
            Peer("ours, EXPORT_BY=load-data", bench.ours_by_load_data, TABLE),
        ]
        for number in range(rounds):
            for peer in peers:
                peer.rounds.append(bench.measure(peer))
                console.print(f"round {number + 1}, {peer.name}: {peer.rounds[-1]:.1f} s")
        _show(console, peers, bench.rows)
        if picture:
            rates = [(peer.name, bench.rows / peer.median) for peer in peers]
            picture.write_text(svg_chart.bar_chart(rates, "rows a second"), "utf-8")
    finally:
        bench.stack.remove()


def _show(console: Console, peers: list[Peer], rows: int) -> None:
    defaults, _, alone, *_ = peers
    table = Table("export", "s", "range", "rows/s", "times the defaults' speed", "times LOAD DATA's")
    for peer in peers:
        span = f"{min(peer.rounds):.1f} to {max(peer.rounds):.1f}"
        speeds = (f"{other.median / peer.median:.2f}" for other in (defaults, alone))
        table.add_row(peer.name, f"{peer.median:.1f}", span, f"{rows / peer.median:,.0f}", *speeds)
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
