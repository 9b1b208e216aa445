"""The command that runs the pipelines on sample data."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from eventmill.airflow import rest_client
from eventmill.config import settings
from eventmill.config.polling import until
from eventmill.config.settings import Settings
from eventmill.config.web_links import links
from eventmill.databases import view_counts
from eventmill.kafka import forwarder
from eventmill.lake import checkpoint_progress
from eventmill.spark import job_state
from eventmill.text import svg_chart
from eventmill.text.terminal import Console
from ops.cli import clients, jobs, sql, stack, tables, verify
from ops.cli import data as data_commands
from ops.cli.display import changing
from ops.reports import demo
from ops.stack.supervisor import StackError, Supervisor

CLICKS, GAME, CARTS, ORDERS, VISITS = "clicks", "game", "carts", "orders", "visits"
DAG = "ecommerce_platform"
LOOPS = 52
STEPS, FAST = 500, 1000.0
PRODUCTS, HOURS = 5, 6
CATCH_UP_SECONDS = 3600
MOST_RESTARTS = 5
"""Failures of a job in a row until the demo gives up."""

COLOURS = {"success": "green", "failed": "red", "upstream_failed": "red"}
DataOption = Annotated[Path | None, typer.Option(help="Your own clicks instead: a JSON array or JSON lines.")]
CountOption = Annotated[int, typer.Option(min=1, help="Product views to generate.")]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("demo")(run)


def run(data: DataOption = None, count: CountOption = 100_000) -> None:
    """Run them all: clicks from a file to MySQL, game, carts and orders from the API to Presto, visits to PostgreSQL.

    With your own clicks the others are left out.
    """
    begun, console, values = time.monotonic(), Console(), settings.load()
    pipelines = _pipelines(values, data)
    if values.services_by == "supervisor":
        console.rule("the stack")
        stack.up()
        jobs.start()
    truth = _send_clicks(values, console, data, count) if CLICKS in pipelines else None
    for pipeline, (path, send, _) in OTHERS.items():
        if pipeline in pipelines:
            console.rule(f"data: {path}")
            send(values)
    console.rule("Spark: Kafka → HDFS, MySQL, Cassandra, PostgreSQL")
    for pipeline in pipelines:
        _catch_up(values, console, pipeline)
    if CLICKS in pipelines:
        console.rule("Airflow: HDFS → Hive → MySQL")
        _run_dag(values, console)
    for pipeline, (_, _, show) in OTHERS.items():
        if pipeline in pipelines:
            show(values, console)
    console.rule("every record accounted for")
    verify.verify(pipelines, truth=truth)
    if CLICKS in pipelines:
        console.rule("product views by platform, from MySQL")
        _show_platforms(values, console)
    _show_pages(values, console)
    ways = "make status, make down" if values.services_by == "supervisor" else "docker compose ps, docker compose down"
    console.print(f"done in {time.monotonic() - begun:.0f} s; the stack runs on: {ways}")


def _pipelines(values: Settings, data: Path | None) -> list[str]:
    """The pipelines that run; of one's own clicks theirs alone.

    Raises:
        StackError: when there are no such clicks, or their pipeline is left out.
    """
    if data is None:
        return list(values.pipelines)
    if not data.is_file():
        raise StackError(f"there is no file {data}")
    if CLICKS not in values.pipelines:
        raise StackError(f"the pipeline {CLICKS} is left out; name it in ENABLED_PIPELINES")
    return [CLICKS]


def _send_clicks(values: Settings, console: Console, data: Path | None, count: int) -> Path | None:
    """Send one's own clicks, or the sample; returns the sample's truth."""
    console.rule("data: file → NiFi → Kafka")
    clicks, truth = (data, None) if data else _sample(values, count)
    demo.export_from_shop(values, clicks)
    data_commands.send_clicks(clicks)
    return truth


def _sample(values: Settings, count: int) -> tuple[Path, Path]:
    """The sample clicks and their truth, generated once: sent again, they are recognised."""
    clicks, truth = demo.demo_folder(values) / f"clicks-{count}.json", demo.demo_folder(values) / f"truth-{count}.json"
    if not (clicks.exists() and truth.exists()):
        start = demo.next_start(values)
        data_commands.generate_clicks(clicks, truth, count, late=demo.late_share(start), start=start.isoformat())
    return clicks, truth


def _send_actions(values: Settings) -> None:
    """Generates shoppers' actions once, and sends them."""
    actions, truth = demo.demo_folder(values) / "actions.json", demo.demo_folder(values) / "actions-truth.json"
    if not (actions.exists() and truth.exists()):
        start = demo.next_start(values, CARTS)
        data_commands.generate_carts(actions, truth, late=demo.late_share(start), start=start.isoformat())
    data_commands.send_carts(actions)


def _send_page_logs(values: Settings) -> None:
    """Looks at product pages of other shops, generated once; ends when all of them are forwarded."""
    logs, truth = demo.demo_folder(values) / "page-logs.json", demo.demo_folder(values) / "visits-truth.json"
    if not (logs.exists() and truth.exists()):
        data_commands.generate_visits(logs, truth)
    data_commands.send_visits(logs)
    until(lambda: not forwarder.lag(values), CATCH_UP_SECONDS, "not all page logs are forwarded", every=1)


def _show_game(_values: Settings, console: Console) -> None:
    """Show what Presto makes of the game."""
    console.rule("game: players → Kafka → Spark → Hive → Presto")
    tables.make_tables(GAME)
    for name in ("game-purchases", "game-spending", "guild-sizes"):
        sql.ask_named(name)


def _show_carts(_values: Settings, console: Console) -> None:
    """Show what MySQL and Presto make of the carts."""
    console.rule("carts: shoppers → API → Kafka → Spark → MySQL, Hive → Presto")
    tables.make_tables(CARTS)
    sql.leaderboard(last="1h", once=True)
    for name in ("abandoned-by-day", "abandoned-products"):
        sql.ask_named(name)


def _show_orders(values: Settings, console: Console) -> None:
    """Show what Presto and Cassandra make of the orders."""
    console.rule("orders: shop → MySQL, Kafka → Spark → Hive, Cassandra")
    tables.make_tables(ORDERS)
    sql.ask_named("orders-by-day")
    console.print(_most_viewed(values))


def _show_visits(_values: Settings, console: Console) -> None:
    """Show what PostgreSQL makes of the visits."""
    console.rule("visits: source cluster → Kafka → Spark → PostgreSQL")
    sql.ask_named("top-countries")


def _most_viewed(values: Settings) -> Table:
    """The products that were looked at most in the newest hours of the clicks."""
    table = Table("product", f"views in {HOURS} hours")
    if final := demo.final_counts(values):
        end = max(start for start, _, _ in final).replace(tzinfo=UTC)
        for product, number in view_counts.products(values, end - timedelta(hours=HOURS), end).most_common(PRODUCTS):
            table.add_row(product, f"{number:,}")
    return table


def _play(_values: Settings) -> None:
    clients.play_game(LOOPS)


def _shop(_values: Settings) -> None:
    clients.run(rate=FAST, steps=STEPS)


OTHERS: dict[str, tuple[str, Callable[[Settings], None], Callable[[Settings, Console], None]]] = {
    GAME: ("players → API → Kafka", _play, _show_game),
    CARTS: ("shoppers → API → Kafka", _send_actions, _show_carts),
    ORDERS: ("customers → API → Kafka", _shop, _show_orders),
    VISITS: ("source cluster → MirrorMaker → Kafka", _send_page_logs, _show_visits),
}
"""Each pipeline but the clicks: the path of its data, how they are sent, and what is shown of them."""


def _catch_up(values: Settings, console: Console, pipeline: str) -> None:
    """Wait until the pipeline's job has processed what Kafka holds now."""
    target = checkpoint_progress.Target(values, pipeline)
    total = target.left()
    with Progress(console=console) as bar:
        task = bar.add_task("processed", total=max(total, 1), completed=0 if total else 1)

        def caught_up() -> bool:
            if failed := _failed(values, pipeline):
                raise StackError(failed)
            left = target.left()
            bar.update(task, completed=total - left)
            return not left

        until(caught_up, CATCH_UP_SECONDS, f"the job did not process {total} records in time", every=1)


def _failed(values: Settings, pipeline: str) -> str:
    """One sentence if the pipeline's job fails again and again, else nothing."""
    state = job_state.read_states(values).get(pipeline)
    if state and state.reason and state.restarts >= MOST_RESTARTS:
        return f"the job of {pipeline} failed {state.restarts} times, now with: {state.reason}"
    # Compose never gives a job up.
    if values.services_by == "supervisor":
        job = jobs.of_pipeline(Supervisor(values).programs(), pipeline)
        if job.state == "FATAL":
            return f"the job ended again and again; see: eventmill logs {job.name}"
    return ""


def _run_dag(values: Settings, console: Console) -> None:
    """Trigger the DAG and show its tasks until it has ended."""
    run_id = rest_client.trigger(values, DAG)
    with changing(console) as show:
        rest_client.wait(values, DAG, run_id, lambda states: show(_task_table(states)))


def _task_table(states: dict[str, str]) -> Table:
    table = Table("task", "state")
    for task, state in states.items():
        table.add_row(task, Text(state, COLOURS.get(state, "yellow")))
    return table


def _show_platforms(values: Settings, console: Console) -> None:
    """Print the totals by platform, and draw them."""
    final, live = demo.final_counts(values), demo.open_counts(values)
    table = Table("source", "views in closed windows", "in open windows")
    closed_totals, open_totals = _totals(final), _totals(live)
    for source, _ in (closed_totals + open_totals).most_common():
        table.add_row(source, f"{closed_totals[source]:,}", f"{open_totals[source]:,}")
    table.add_row("all", f"{closed_totals.total():,}", f"{open_totals.total():,}")
    console.print(table)
    if final:
        picture = demo.demo_folder(values) / "platforms.svg"
        svg_chart.draw_counts(final, picture)
        console.print(f"chart: {picture}", soft_wrap=True)


def _show_pages(values: Settings, console: Console) -> None:
    """Print where to look further."""
    for link in links(values):
        console.print(f"{link.name}: {link.address(values)} ({link.about})", soft_wrap=True)


def _totals(rows: list[svg_chart.Row]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for _, source, count in rows:
        totals[source] += count
    return totals
