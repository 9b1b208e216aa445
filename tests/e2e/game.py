"""Helpers of the tests of the game pipeline."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable

import msgspec
import psutil

from eventmill.airflow import rest_client
from eventmill.config.settings import ROOT
from eventmill.databases import named_queries
from eventmill.kafka import dead_letters
from eventmill.lake import hive_tables
from eventmill.spark.session import spark_session
from ops.stack.isolated_stack import IsolatedStack
from tests.e2e.pipeline import Pipeline


class Game(Pipeline):
    """The game pipeline of one stack."""

    def __init__(self, stack: IsolatedStack) -> None:
        super().__init__(stack, "game")

    @property
    def api(self) -> str:
        """The address of the event API."""
        return f"http://{self.stack.settings.api_host}:{self.stack.settings.api_port}"

    @property
    def service(self) -> str:
        """The address of the game service."""
        return f"http://{self.stack.settings.game_host}:{self.stack.settings.game_port}"

    def play(self, loops: int) -> None:
        """Let the players come so often."""
        self.stack.eventmill("play", str(loops))

    def play_by_apache_bench(self, loops: int) -> None:
        """The same by the script for Apache Bench."""
        subprocess.run([ROOT / "data" / "ab" / "batch", str(loops), self.service], check=True, timeout=300)

    def in_tables(self) -> None:
        """Wait until all that Kafka holds is processed, and let Hive find it."""
        self.wait_until_processed()
        hive_tables.apply_hive_tables(self.stack.settings, "game")

    def run_dag(self) -> dict[str, str]:
        """Run the DAG to its end; returns the state of each task."""
        run = rest_client.trigger(self.stack.settings, "game_report")
        return rest_client.wait(self.stack.settings, "game_report", run, seconds=600)

    def answers(self, query: str, engine: str) -> list[tuple[object, ...]]:
        """The rows of a named query as an engine gives them."""
        answer = self.stack.eventmill("query", query, "--engine", engine, "--format", "json").stdout
        return [tuple(row.values()) for row in msgspec.json.decode(answer)]

    def answers_of_spark(self, names: Iterable[str]) -> dict[str, list[tuple[object, ...]]]:
        """The rows of several named queries as Spark SQL gives them, in one session."""
        spark = spark_session(self.stack.settings, "test", hive=True)
        try:
            return {name: [tuple(row) for row in spark.sql(_statement(name)).collect()] for name in names}
        finally:
            spark.stop()

    def rejected(self, requests_sent: frozenset[str]) -> int:
        """How many distinct events of those requests were rejected."""
        records = dead_letters.distinct(
            dead_letters.read_dead_letters(self.stack.settings, self.stack.settings.game_topic)
        )
        return sum(record.identity[0] in requests_sent for record in records)

    def kill_a_worker(self) -> None:
        """End one process of the API that serves requests."""
        parent = psutil.Process(self.supervisor.programs()["api"].pid)
        for worker in parent.children()[-1:]:
            os.kill(worker.pid, signal.SIGKILL)


def _statement(query: str) -> str:
    return named_queries.query(query).statement.rstrip(";")
