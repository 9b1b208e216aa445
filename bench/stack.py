"""Measures the stack: its time to start, its memory, and the delay until an accepted event is visible.

    python -m bench.stack --pipelines clicks,game --probes 200

Starts a stack of its own with nothing in it (cold) and again (warm), both with everything fetched, and notes when each
service was ready. Then it sends events to the event API one after the other, and notes how long after its 202 each is
in the live view of the clicks, and in the Hive table of the game's events as Presto reads it. Memory is the
proportional set size, in which pages that processes share count once: as soon as all are ready, and at the end.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event
from typing import Annotated
from uuid import uuid4

import psutil
import requests
import typer
from rich.console import Console
from rich.table import Table

from bench.measure import cpu_seconds, memory_mb, tree
from eventmill.config.polling import until
from eventmill.config.settings import PIPELINES, Settings
from eventmill.databases import mysql, query_engines
from eventmill.lake import hive_tables
from ops.cli.display import wide
from ops.stack import native_stack, provisioning
from ops.stack.isolated_stack import IsolatedStack
from ops.stack.supervisor import Supervisor

PAUSE = 0.3
"""Seconds between two events, so that they meet all phases of the jobs' triggers."""

LOOK = 0.05
SECONDS = 180
SEEN_LIVE = "SELECT source FROM platform_counts_live WHERE source LIKE 'probe-%'"
SEEN_IN_HIVE = "SELECT Host FROM game_events WHERE Host LIKE 'probe-%'"

Look = Callable[[Settings], set[str]]


def start(values: Settings) -> dict[str, tuple[float, float]]:
    """Start the stack; returns for each service when it was started and when it was ready, in seconds."""
    seen: list[native_stack.StartProgress] = []

    def note(progress: list[native_stack.StartProgress]) -> None:
        seen[:] = progress

    begun = time.monotonic()
    native_stack.up(values, on_change=note)
    provisioning.prepare(values)
    return {p.service.name: (p.begun, p.seconds) for p in seen} | {"all": (0.0, time.monotonic() - begun)}


def each(values: Settings, figure: Callable[[psutil.Process], float]) -> dict[str, float]:
    """A figure of each service and job that runs, with all its processes."""
    programs = Supervisor(values).programs().values()
    return {program.name: tree(program.pid, figure) for program in programs if program.state == "RUNNING"}


def live(values: Settings) -> set[str]:
    """The sources that the live view has."""
    with mysql.connect(values) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(SEEN_LIVE)
        return {source for (source,) in cursor.fetchall()}


def in_hive(values: Settings) -> set[str]:
    """The players whose events Presto sees in Hive's table."""
    return {str(host) for (host,) in query_engines.presto(values, SEEN_IN_HIVE).rows}


def send(values: Settings, kind: str, event: dict[str, object]) -> None:
    """Have an event accepted."""
    address = f"http://{values.api_host}:{values.api_port}/v1/events/{kind}"
    requests.post(address, json=event, timeout=30).raise_for_status()


def latencies(
    values: Settings, probes: int, kind: str, event: Callable[[str], dict[str, object]], look: Look
) -> list[float]:
    """Seconds from the acceptance of each of so many events until it was first seen."""
    accepted: dict[str, float] = {}
    seen: dict[str, float] = {}
    run, failed = uuid4().hex[:8], Event()

    def send_all() -> None:
        for number in range(probes):
            name = f"probe-{run}-{number}"
            send(values, kind, event(name))
            accepted[name] = time.monotonic()
            if failed.wait(PAUSE):
                break

    def all_seen() -> bool:
        known, found = set(accepted.copy()), look(values)
        now = time.monotonic()
        for name in found & known - seen.keys():
            seen[name] = now
        return len(seen) == probes or (sending.done() and sending.exception() is not None)

    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send_all)
        try:
            until(all_seen, SECONDS + probes * PAUSE, f"not all events of {kind} were seen", every=LOOK)
        finally:
            failed.set()
        sending.result()
    return [seen[name] - moment for name, moment in accepted.items()]


def click(name: str) -> dict[str, object]:
    """A product view from a platform of that name."""
    return {
        "event": "ProductView",
        "userid": "user-1",
        "properties": {"productid": "product-1"},
        "context": {"source": name},
    }


def play(name: str) -> dict[str, object]:
    """An event of a player of that name."""
    return {"event_type": "default", "Host": name}


def main(
    pipelines: Annotated[
        str, typer.Option(help="Which pipelines run, as in ENABLED_PIPELINES; clicks and game at least.")
    ] = ",".join(PIPELINES),
    probes: Annotated[int, typer.Option(min=2, help="Events for each of the two latencies.")] = 200,
) -> None:
    """Run the benchmark and print its tables."""
    console = wide()
    beside = IsolatedStack("bench", 41000, enabled_pipelines=pipelines)
    values = beside.settings
    beside.remove()
    try:
        cold = start(values)
        console.print(f"started with nothing in it: {cold['all'][1]:.0f} s")
        native_stack.down(values)
        warm = start(values)
        console.print(f"started again: {warm['all'][1]:.0f} s")
        used, idle = each(values, cpu_seconds), each(values, memory_mb)
        beside.eventmill("jobs", "start")
        # The first events make the tables and their days.
        for kind, event, look in (("ProductView", click, live), ("GameEvent", play, _made)):
            latencies(values, 1, kind, event, look)
        hive_tables.apply_hive_tables(values, "game")
        seconds = {
            "the live view of the clicks": latencies(values, probes, "ProductView", click, live),
            "Hive's table of the game, read by Presto": latencies(values, probes, "GameEvent", play, in_hive),
        }
        _show(console, cold, warm, used, (idle, each(values, memory_mb)), seconds)
    finally:
        beside.remove()


def _made(values: Settings) -> set[str]:
    """The rows that `in_hive` finds, when the table exists."""
    hive_tables.apply_hive_tables(values, "game")
    return in_hive(values)


def _show(
    console: Console,
    cold: dict[str, tuple[float, float]],
    warm: dict[str, tuple[float, float]],
    used: dict[str, float],
    held: tuple[dict[str, float], dict[str, float]],
    latency: dict[str, list[float]],
) -> None:
    memory_columns = ("MB when all were ready", "MB at the end")
    table = Table("service", "cold: started, ready after s", "warm", "CPU s until all were ready", *memory_columns)
    for name in sorted(held[1].keys() | warm.keys() - {"all"}, key=lambda name: warm.get(name, (0, 0))[1]):
        spans = (f"{span[0]:.0f}, {span[1]:.0f}" if span else "" for span in (cold.get(name), warm.get(name)))
        table.add_row(name, *spans, f"{used.get(name, 0):.0f}", *(f"{mb.get(name, 0):.0f}" for mb in held))
    totals = (cold["all"][1], warm["all"][1], sum(used.values()), *(sum(mb.values()) for mb in held))
    table.add_row("all", *(f"{total:.0f}" for total in totals))
    console.print(table)
    table = Table("from accepted to seen in", "events", "p50 s", "p99 s", "longest s")
    for name, seconds in latency.items():
        cuts = statistics.quantiles(seconds, n=100, method="inclusive")
        table.add_row(name, str(len(seconds)), *(f"{value:.1f}" for value in (cuts[49], cuts[98], max(seconds))))
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
