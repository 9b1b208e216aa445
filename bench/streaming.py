"""The bounded clicks job beside what one would use instead, and the limit of the machine, alternated in one run.

    python -m bench.streaming --count 4000000 --rounds 3

Starts Kafka and HDFS of its own, fills a topic once, runs every peer in every round on an empty HDFS folder, checks
the job's counts against the generator's truth, and prints medians, ranges and ratios. Before that every peer runs once
on a tenth of the clicks: the rest of its time is without its start.
"""

from __future__ import annotations

import os
import signal
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Annotated

import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.table import Table

from bench.measure import Usage, run
from eventmill.config.settings import ROOT
from eventmill.kafka import topic_reader, topics
from eventmill.lake import webhdfs
from eventmill.text import svg_chart
from ops.cli.display import wide
from ops.datagen import ground_truth
from ops.stack.downloads import UV
from ops.stack.engines import service_environment
from ops.stack.isolated_stack import IsolatedStack

FLINK = ROOT / ".venv-flink"
COMMERCE = "/eventmill/clicks/commerce"
OPEN_WINDOWS = 3
Counts = dict[tuple[str, str], int]


@dataclass
class Peer:
    """One way to read the topic, with what it took in each round."""

    name: str
    once: Callable[[], Usage]
    rounds: list[Usage] = field(default_factory=list)

    def figures(self, figure: str) -> list[float]:
        """Wall, cpu or peak_mb of each round."""
        return [getattr(usage, figure) for usage in self.rounds]

    def median(self, figure: str) -> float:
        """The median of a figure over the rounds."""
        return statistics.median(self.figures(figure))


class Bench:
    """A topic of generated clicks on Kafka and HDFS of its own."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.stack = IsolatedStack("bench", 41000, clicks_live="false")
        self.values = self.stack.settings
        self.environment = self.stack.environment | service_environment(self.values)
        self.clicks = self.stack.state_dir / "clicks.json"
        self.truth = self.stack.state_dir / "truth.json"

    def fill(self) -> None:
        """Start Kafka and HDFS, generate the clicks and put them into the topic, keyed by user."""
        run(
            [str(ROOT / "bench" / "flink" / "fetch"), str(FLINK)],
            self.environment | {"UV": str(UV), "UV_SYSTEM_CERTS": "1"},
        )
        self.stack.remove()
        self.stack.state_dir.mkdir(parents=True)
        self.stack.eventmill("up", "kafka", "datanode")
        topics.apply_topics(self.values)
        files = ("--out", str(self.clicks), "--truth", str(self.truth))
        # None broken: the console producer would mend invalid UTF-8.
        plan = ("--count", str(self.count), "--span", "24h", "--broken", "0%")
        self.stack.eventmill("generate", "clicks", *plan, *files, seconds=1800)
        self._produce()

    def _produce(self) -> None:
        """Feed the lines to Kafka's console producer, each behind its user as the key."""
        feed = f"""sed -E 's/^(.*"userid":"([^"]*)".*)$/\\2\\t\\1/' '{self.clicks}'"""
        options = "--reader-property parse.key=true --command-property acks=all"
        self._shell(f"{feed} | {self._kafka('ConsoleProducer')} {options}")

    def _kafka(self, tool: str) -> str:
        java = (
            f"'{self.environment['JAVA_HOME']}/bin/java' -Xmx512m -XX:+UseSerialGC -cp '{self.values.lib_dir}/kafka/*'"
        )
        where = f"--bootstrap-server {self.values.kafka_bootstrap} --topic {self.values.clicks_topic}"
        return f"{java} org.apache.kafka.tools.{tool} {where}"

    def _shell(self, script: str) -> Usage:
        return run(["bash", "-o", "pipefail", "-c", script], self.environment)

    def ours(self) -> Usage:
        """The bounded job of the platform, its result compared with the truth."""
        webhdfs.delete(self.values, "/eventmill")
        usage = run([sys.executable, "-m", "spark_jobs", "run", "clicks", "--bounded"], self.environment)
        self._check()
        return usage

    def untuned(self) -> Usage:
        """The same query with Spark's defaults."""
        webhdfs.delete(self.values, "/untuned")
        return run([sys.executable, "-m", "bench.untuned", "/untuned"], self.environment)

    def limit(self, *options: str) -> Usage:
        """Counting and nothing else, by librdkafka and what the options say."""
        return self._counted([sys.executable, "-m", "bench.limit", *options])

    def flink(self) -> Usage:
        """The same by Flink SQL."""
        query = ROOT / "bench" / "flink" / "query.py"
        where = (self.values.kafka_bootstrap, self.values.clicks_topic, str(os.cpu_count() or 1))
        return self._counted([str(FLINK / "bin" / "python"), str(query), *where])

    def _counted(self, command: list[str]) -> Usage:
        """Run what prints the number of records that it has counted, and see that it's all."""
        usage = run(command, self.environment)
        held = sum(topic_reader.ends(self.values, self.values.clicks_topic).values())
        if int(usage.output.split()[-1]) != held:
            raise AssertionError(f"{command}: {usage.output.split()[-1]} records counted; Kafka has {held}")
        return usage

    def consumer(self) -> Usage:
        """Reading the topic and throwing it away: what no job can beat."""
        return self._shell(f"{self._kafka('ConsumerPerformance')} --num-records {self.count} --timeout 10000")

    def _check(self) -> None:
        """Every window but the last few is closed, and holds exactly what was generated."""
        expected = {
            (f"{w.window_start:%Y-%m-%d %H:%M:%S}", w.source): w.count
            for w in ground_truth.read_truth(self.truth).windows
            if w.count
        }
        found = self._final()
        differences = {key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key)}
        still_open = sorted({window for window, _ in expected})[-OPEN_WINDOWS:]
        if wrong := sorted(key for key in differences if key[0] not in still_open or key in found):
            raise AssertionError(f"{len(wrong)} counts differ from the truth, first {wrong[0]}")

    def _final(self) -> Counts:
        days = [f"{COMMERCE}/{day}" for day in webhdfs.names(self.values, COMMERCE)]
        files = [f"{day}/{name}" for day in days for name in webhdfs.names(self.values, day)]
        tables = [pq.read_table(BytesIO(webhdfs.read(self.values, file)), partitioning=None) for file in files]
        rows = [row for table in tables for row in table.to_pylist()]
        return {(f"{row['window_start']:%Y-%m-%d %H:%M:%S}", row["source"]): row["source_number"] for row in rows}


def measure(count: int, rounds: int, console: Console) -> list[Peer]:
    """Every peer on a topic of so many clicks, alternated."""
    bench = Bench(count)
    peers = [
        Peer("eventmill, bounded", bench.ours),
        Peer("Spark, untuned", bench.untuned),
        Peer("Flink SQL", bench.flink),
        Peer("DuckDB over librdkafka", lambda: bench.limit("--decoder", "duckdb")),
        Peer("the limit: librdkafka, msgspec, 1 process", bench.limit),
        Peer("the same in 2 processes", lambda: bench.limit("--processes", "2")),
        Peer("kafka-consumer-perf-test, counts nothing", bench.consumer),
    ]
    try:
        bench.fill()
        for number in range(rounds):
            for peer in peers:
                peer.rounds.append(peer.once())
                console.print(f"{count:,} clicks, round {number + 1}: {peer.name} {peer.rounds[-1].wall:.1f} s")
    finally:
        bench.stack.remove()
    return peers


def main(
    count: Annotated[int, typer.Option(min=10, help="Clicks in the topic, besides the planted faults.")] = 4_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="How often each peer runs.")] = 3,
    picture: Annotated[Path | None, typer.Option("--chart", help="Where to draw a chart, as SVG.")] = None,
) -> None:
    """Measure the bounded clicks job beside its peers."""
    console = wide()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    tenth = measure(count // 10, 1, console)
    peers = measure(count, rounds, console)
    console.print(_table(peers, tenth, count))
    if picture:
        rates = [(peer.name, count / peer.median("wall")) for peer in peers]
        picture.write_text(svg_chart.bar_chart(rates, "clicks a second, start included"), "utf-8")


def _table(peers: list[Peer], tenth: list[Peer], count: int) -> Table:
    """Time of each peer, and its rate beyond the tenth of the clicks that it was given before: without its start."""
    columns = ("wall s", "range", "CPU s", "peak MB", "steady clicks/s")
    ratios = ("ours: times its wall speed", "its steady speed", "its CPU s", "ten times the clicks: time", "memory")
    table = Table("peer", *columns, *ratios, title=f"{count:,} clicks")
    steady = [
        0.9 * count / (whole.median("wall") - part.median("wall")) for whole, part in zip(peers, tenth, strict=True)
    ]
    for peer, part, rate in zip(peers, tenth, steady, strict=True):
        wall = peer.figures("wall")
        table.add_row(
            peer.name,
            f"{peer.median('wall'):.1f}",
            f"{min(wall):.1f} to {max(wall):.1f}",
            f"{peer.median('cpu'):.1f}",
            f"{peer.median('peak_mb'):.0f}",
            f"{rate:,.0f}",
            f"{peer.median('wall') / peers[0].median('wall'):.2f}",
            f"{steady[0] / rate:.2f}",
            f"{peers[0].median('cpu') / peer.median('cpu'):.2f}",
            f"{peer.median('wall') / part.median('wall'):.1f}",
            f"{peer.median('peak_mb') / part.median('peak_mb'):.2f}",
        )
    return table


if __name__ == "__main__":
    typer.run(main)
