"""The event API beside a plain Flask route that does the same, and the limit of its server, alternated in one run.

    python -m bench.api --seconds 15 --rounds 3

Starts Kafka, MySQL and the API of its own, and the plain route under gunicorn; wrk sends product views,
one a request and 500 a request. Each answer of 202 is counted and compared with what Kafka has; only the route that
always answers the same (`bench/static.py`) sends nothing there. Then the API alone: by more and more connections, far
beyond what it can serve, and for minutes on end, with its memory after the first and the last of them.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import requests
import typer
from rich.console import Console
from rich.table import Table

from bench.measure import cpu_seconds, memory_mb, tree
from eventmill.config.polling import until
from eventmill.databases import mysql
from eventmill.kafka import topic_reader, topics
from eventmill.text import svg_chart
from ops.cli.display import wide
from ops.stack import downloads
from ops.stack.engines import service_environment
from ops.stack.isolated_stack import IsolatedStack
from ops.stack.supervisor import Supervisor

BATCH = 500
CONNECTIONS = 64
OVERLOAD = (64, 500, 1000, 4000)
"""Connections that ask all the time; each is a request that waits."""

VIEW = {
    "event": "ProductView",
    "userid": "user-78",
    "properties": {"productid": "product-173"},
    "context": {"source": "desktop"},
}
MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True)
class Load:
    """Figures of one round by wrk; times in milliseconds, CPU seconds of the peer's processes.

    `refused` are the requests that got another answer than 202.
    """

    events_a_second: float
    p50: float
    p99: float
    cpu: float
    events: int
    refused: int = 0


@dataclass
class Peer:
    """A route, how many events a request to it has, and what was measured."""

    name: str
    url: str
    pid: int
    batch: int = 1
    publishes: bool = True
    rounds: list[Load] = field(default_factory=list)

    def median(self, figure: str) -> float:
        """The median of a figure over the rounds."""
        return statistics.median(float(getattr(load, figure)) for load in self.rounds)

    def cpu_an_event(self) -> float:
        """Microseconds of CPU time an event, the median over the rounds."""
        return statistics.median(load.cpu / load.events * 1e6 for load in self.rounds)


class Bench:
    """Kafka, the API and the plain route."""

    def __init__(self) -> None:
        self.stack = IsolatedStack("bench-api", 42000)
        self.values = self.stack.settings
        self.environment = self.stack.environment | service_environment(self.values)

    def start(self) -> None:
        """Start the services, with nothing in them."""
        self.stack.remove()
        self.stack.eventmill("up", "api")
        topics.apply_topics(self.values)
        mysql.apply_tables(self.values)

    def plain(self) -> AbstractContextManager[Peer]:
        """The plain route, as long as the block lasts."""
        port = self.values.game_port
        command = ["gunicorn", "--worker-class", "gevent", "--bind", f"127.0.0.1:{port}", "--log-level", "error"]
        command += ["--workers", str(self.values.api_workers), "--no-control-socket", "bench.plain:create_app()"]
        return self._served("plain Flask, kafka-python", port, command)

    def static(self) -> AbstractContextManager[Peer]:
        """The route that always answers the same, as long as the block lasts."""
        port = self.values.presto_port
        command = ["python", "-m", "bench.static", str(port), str(self.values.api_workers)]
        return self._served("a constant 202", port, command, publishes=False)

    @contextmanager
    def _served(self, name: str, port: int, command: list[str], publishes: bool = True) -> Iterator[Peer]:
        program, *arguments = command
        process = subprocess.Popen([Path(sys.executable).with_name(program), *arguments], env=self.environment)
        url = f"http://127.0.0.1:{port}/v1/events/ProductView"
        try:
            until(lambda: _answers(url), 60, f"{name} does not answer")
            yield Peer(name, url, process.pid, publishes=publishes)
        finally:
            process.terminate()
            process.wait(30)

    def ours(self, name: str, batch: int) -> Peer:
        """The API's route."""
        pid = Supervisor(self.values).programs()["api"].pid
        return Peer(name, f"http://127.0.0.1:{self.values.api_port}/v1/events/ProductView", pid, batch)

    def measure(self, peer: Peer, seconds: int) -> None:
        """Send to one peer for so long, and see that all is accepted and Kafka has what it acknowledged."""
        load = self.load(peer, seconds, CONNECTIONS if peer.batch == 1 else CONNECTIONS // 8)
        if load.refused:
            raise AssertionError(f"{peer.name}: {load.refused} requests were refused")
        peer.rounds.append(load)

    def load(self, peer: Peer, seconds: int, connections: int) -> Load:
        """Send to one peer over so many connections, and see that Kafka has what it acknowledged."""
        before, cpu = self._held(), tree(peer.pid, cpu_seconds)
        said = self._wrk(peer, seconds, connections)
        refused = int(_number(said, r"Non-2xx or 3xx responses: (\d+)")) if "Non-2xx" in said else 0
        answered = (_number(said, r"(\d+) requests in") - refused) * peer.batch
        cpu = tree(peer.pid, cpu_seconds) - cpu
        events = self._held() - before if peer.publishes else int(answered)
        # What is under way when wrk ends is stored too; and so may be what was refused because Kafka was late.
        if not answered <= events <= answered + (connections + refused) * peer.batch:
            raise AssertionError(f"{peer.name}: {answered:.0f} events acknowledged, {events} in Kafka:\n{said}")
        rate = answered / (_time(said, "requests in") / 1000)
        return Load(rate, _time(said, "50%"), _time(said, "99%"), cpu, events, refused)

    def _held(self) -> int:
        return sum(topic_reader.ends(self.values, self.values.clicks_topic).values())

    def _wrk(self, peer: Peer, seconds: int, connections: int) -> str:
        script = self.stack.state_dir / f"batch-{peer.batch}.lua"
        script.write_text(_lua(peer.batch), encoding="utf-8")
        options = ["--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--timeout", "20s"]
        command = ["wrk", *options, "--latency", "--script", str(script), peer.url]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _lua(batch: int) -> str:
    kind = "application/json" if batch == 1 else "application/x-ndjson"
    lines = "\\n".join([json.dumps(VIEW)] * batch)
    return f"wrk.method = 'POST'\nwrk.headers['Content-Type'] = '{kind}'\nwrk.body = '{lines}'\n"


def _answers(url: str) -> bool:
    try:
        return requests.post(url, json=VIEW, timeout=5).status_code == 202
    except requests.RequestException:
        return False


def _number(said: str, pattern: str) -> float:
    found = re.search(pattern, said)
    if not found:
        raise AssertionError(f"wrk did not say {pattern}:\n{said}")
    return float(found[1])


def _time(said: str, what: str) -> float:
    """The milliseconds behind those words."""
    found = re.search(rf"{what} +([\d.]+)(us|ms|s|m)\b", said)
    if not found:
        raise AssertionError(f"wrk did not say {what}:\n{said}")
    return float(found[1]) * MILLISECONDS[found[2]]


def main(
    seconds: Annotated[int, typer.Option(min=1, help="How long each peer is sent to in a round.")] = 15,
    rounds: Annotated[int, typer.Option(min=1, help="How often each peer is measured.")] = 3,
    minutes: Annotated[int, typer.Option(min=2, help="How long the API is under load for its memory.")] = 10,
    picture: Annotated[Path | None, typer.Option("--chart", help="Where to draw a chart, as SVG.")] = None,
) -> None:
    """Measure the event API beside a plain Flask route, under overload, and its memory."""
    if not shutil.which("wrk"):
        downloads.install(["wrk"])
    console, bench = wide(), Bench()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        bench.start()
        with bench.plain() as plain, bench.static() as static:
            single, batch = bench.ours("eventmill, one event", 1), bench.ours(f"eventmill, {BATCH} events", BATCH)
            for number in range(rounds):
                for peer in (single, plain, batch, static):
                    console.print(f"round {number + 1}: {peer.name}")
                    bench.measure(peer, seconds)
        peers = (single, plain, batch, static)
        _show(console, plain, peers)
        if picture:
            costs = [(peer.name, peer.cpu_an_event()) for peer in peers]
            picture.write_text(svg_chart.bar_chart(costs, "microseconds of CPU time an event"), "utf-8")
        loads = {connections: bench.load(single, seconds, connections) for connections in OVERLOAD}
        _show_overload(console, loads)
        held = []
        for _ in range(minutes):
            bench.load(single, 60, CONNECTIONS)
            held.append(tree(single.pid, memory_mb))
        console.print(f"MB of memory after 1 minute of load: {held[0]:.0f}; after {minutes}: {held[-1]:.0f}")
    finally:
        bench.stack.remove()


def _show(console: Console, plain: Peer, peers: tuple[Peer, ...]) -> None:
    table = Table("peer", "events/s", "times plain", "CPU µs/event", "times less CPU", "p50 ms", "p99 ms")
    for peer in peers:
        table.add_row(
            peer.name,
            f"{peer.median('events_a_second'):,.0f}",
            f"{peer.median('events_a_second') / plain.median('events_a_second'):.1f}",
            f"{peer.cpu_an_event():,.1f}",
            f"{plain.cpu_an_event() / peer.cpu_an_event():.1f}",
            f"{peer.median('p50'):.1f}",
            f"{peer.median('p99'):.1f}",
        )
    console.print(table)


def _show_overload(console: Console, loads: dict[int, Load]) -> None:
    table = Table("connections, one event a request", "accepted a second", "refused", "p50 ms", "p99 ms")
    for connections, load in loads.items():
        figures = (load.events_a_second, load.refused, load.p50, load.p99)
        table.add_row(str(connections), *(f"{figure:,.0f}" for figure in figures))
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
