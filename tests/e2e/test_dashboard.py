"""The dashboard: its numbers are the truth of what was sent, or what the engines say themselves."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from babel import Locale
from playwright.sync_api import Browser, expect

from eventmill.config.polling import until
from eventmill.databases import newest
from eventmill.kafka import forwarder
from ops.datagen import page_logs
from ops.stack.isolated_stack import IsolatedStack
from ops.stack.preflight import is_free
from tests.e2e.carts import Carts
from tests.e2e.clicks import Clicks
from tests.e2e.dashboard import Dashboard, own_dashboard
from tests.e2e.pipeline import Pipeline

DAY = "2026-02-01"
SOUND = ("--broken", "0%", "--duplicates", "0%")
TOP = 10


class Logs:
    """Page logs of one day, each with what a reader of the dashboard wants to know of it."""

    def __init__(self, file: Path) -> None:
        self.rows = [self._row(json.loads(line)) for line in file.read_bytes().splitlines()]

    def _row(self, log: dict[str, Any]) -> dict[str, str]:
        address = IPv4Address(log["ip"])
        code = next(row["country_code"] for network, row in NETWORKS if address in network)
        browser, system = AGENTS[log["user_agent"]]
        return {
            "product": log["product_id"],
            "store": f"store {log['store_id']}",
            "country": str(Locale("en").territories[code]) if code else "Unknown",
            "referrer": page_logs.host(log["referrer_url"]),
            "hour": str(datetime.fromtimestamp(log["time_stamp"], UTC).hour),
            "browser": browser,
            "os": system,
        }

    def count(self, *names: str, **only: str) -> Counter[tuple[str, ...]]:
        """How many of those that are so have each combination of the names."""
        rows = (row for row in self.rows if all(row[name] == value for name, value in only.items()))
        return Counter(tuple(row[name] for name in names) for row in rows)

    def top(self, name: str, most: int, **only: str) -> list[tuple[str, int]]:
        """The most frequent ones, those that are equal by name."""
        found = [(value, number) for (value,), number in self.count(name, **only).items()]
        return sorted(found, key=lambda item: (-item[1], item[0].removeprefix("store ")))[:most]


def read(name: str) -> list[dict[str, str]]:
    """The rows that the generator picks from."""
    return [dict(row) for row in page_logs.read_choice(name).rows]


NETWORKS = [(IPv4Network(row["network"]), row) for row in read("networks.csv")]
AGENTS = {row["user_agent"]: (row["browser"], row["os"]) for row in read("user_agents.csv")}


@pytest.fixture(scope="module")
def logs(stack: IsolatedStack, tmp_path_factory: pytest.TempPathFactory) -> Logs:
    """Page logs of one day, which the star schema has."""
    pipeline, file = Pipeline(stack, "visits"), tmp_path_factory.mktemp("visits") / "logs.json"
    pipeline.start()
    options = ("--count", "1500", "--seed", "17", "--start", f"{DAY}T00:00:00Z", "--span", "23h", *SOUND)
    stack.eventmill("generate", "visits", "--out", str(file), "--truth", str(file.with_suffix(".truth")), *options)
    stack.eventmill("send", "visits", str(file))
    until(lambda: forwarder.lag(stack.settings) == 0, 120, "not all is forwarded")
    pipeline.wait_until_processed()
    return Logs(file)


@pytest.fixture
def dashboard(stack: IsolatedStack, chromium: Browser) -> Iterator[Dashboard]:
    """A reader of the stack's dashboard."""
    page = chromium.new_page()
    reader = Dashboard(page, f"http://{stack.settings.dashboard_host}:{stack.settings.dashboard_port}")
    yield reader
    page.close()


def test_the_reports_on_visits_are_the_truth(dashboard: Dashboard, logs: Logs) -> None:
    dashboard.open("visits")
    dashboard.pick_day(DAY)
    expect(dashboard.page.get_by_test_id("stMetricValue").first).to_have_text(f"{len(logs.rows):,}")
    for chart, most in (("product", TOP), ("country", TOP), ("referrer", 5)):
        assert dashboard.numbers(f"views by {chart}", chart) == logs.top(chart, most)
    country = logs.top("country", 5)[4][0]
    dashboard.pick("Country", country)
    stores = logs.top("store", 15, country=country)
    until(
        lambda: dashboard.numbers("views by store", "store") == stores, 30, f"the stores of {country} are not {stores}"
    )
    product = logs.top("product", 3)[2][0]
    dashboard.pick("Product", product)
    found = dict(dashboard.numbers(f"views of product {product} by hour", "hour"))
    hours = logs.count("hour", product=product)
    assert found == {str(hour): hours[str(hour),] for hour in range(24)}
    dashboard.assert_alone()


def test_browsers_and_systems_by_hour_are_the_truth(dashboard: Dashboard, logs: Logs) -> None:
    dashboard.open("visits")
    dashboard.pick_day(DAY)
    expect(dashboard.page.get_by_test_id("stMetricValue").first).to_have_text(f"{len(logs.rows):,}")
    for name in ("browser", "os"):
        expected, chart = logs.count("hour", name), f"views by hour and {name}"
        # The chart of another day may be there for a moment.
        until(lambda: sum(bar.number for bar in dashboard.bars(chart)) == expected.total(), 30, f"{chart}: other views")  # noqa: B023
        named = {
            (bar.names["hour"], bar.names[name]): bar.number
            for bar in dashboard.bars(chart)
            if not bar.names[name].startswith("other (")
        }
        assert named == {key: number for key, number in expected.items() if key[1] in {shown for _, shown in named}}
    expect(dashboard.page.get_by_role("link", name="IP Geolocation by DB-IP")).to_have_attribute(
        "href", "https://db-ip.com"
    )


def test_the_newest_day_with_most_views_is_shown_at_first(
    dashboard: Dashboard, stack: IsolatedStack, logs: Logs
) -> None:
    query = (
        "SELECT day, COUNT(*) AS views FROM fact_product_views JOIN dim_date USING (date_key) GROUP BY day ORDER BY day"
    )
    views = {str(row["day"]): int(str(row["views"])) for row in Pipeline(stack, "visits").rows("postgres", query)}
    first = newest.day(views)
    assert first is not None
    dashboard.open("visits")
    expect(dashboard.page.get_by_test_id("stMetricValue").first).to_have_text(f"{views[first]:,}")
    expect(dashboard.page.get_by_text("newest data:")).to_contain_text(f"{first} ")
    dashboard.page.get_by_role("combobox", name=re.compile("Day")).click()
    expect(dashboard.page.get_by_role("option").first).to_have_text(f"{max(views)}: {views[max(views)]:,} views")


def test_platforms_and_products_are_what_mysql_and_cassandra_have(
    dashboard: Dashboard, clicks: Clicks, tmp_path: Path
) -> None:
    sample = clicks.generate(tmp_path, "shown", "--count", "2000", "--span", "1h", "--seed", "19")
    clicks.send(sample.file)
    for pipeline in (clicks, Pipeline(clicks.stack, "orders")):
        pipeline.wait_until_processed()
    live = clicks.rows("mysql", "SELECT window_start, source, source_number FROM platform_counts_live")
    windows = sorted({str(row["window_start"]) for row in live})[-12:]
    expected = {
        (str(row["window_start"])[-8:], str(row["source"])): int(str(row["source_number"]))
        for row in live
        if row["window_start"] in windows
    }
    dashboard.open("clicks")
    bars = dashboard.bars("product views by window and platform")
    assert {(bar.names["window"][-8:], bar.names["source"]): bar.number for bar in bars} == expected
    totals: Counter[str] = Counter()
    for (_, source), number in expected.items():
        totals[source] += number
    assert dict(dashboard.numbers("product views by platform", "source")) == totals
    looks = looks_of(clicks, "product_view", "product_id")
    assert dashboard.metric("Looks") == f"{looks.total():,}"
    assert dashboard.numbers("views by product", "product") == top(looks)
    dashboard.assert_alone()


def looks_of(pipeline: Pipeline, table: str, column: str) -> Counter[str]:
    """How often each was looked at in the newest six hours with looks."""
    rows = pipeline.rows("cassandra", f"SELECT created_at, {column}, view_count FROM {table}")
    starts = {str(row["created_at"]): datetime.fromisoformat(str(row["created_at"])) for row in rows}
    length = timedelta(seconds=pipeline.stack.settings.views_window_seconds)
    end = newest.end_of_newest(set(starts.values()), length, timedelta(hours=6))
    assert end is not None
    begin = end - timedelta(hours=6)
    found: Counter[str] = Counter()
    for row in rows:
        if begin <= starts[str(row["created_at"])] < end:
            found[str(row[column])] += int(str(row["view_count"]))
    return found


def top(numbers: Counter[str]) -> list[tuple[str, int]]:
    """The ten largest, those that are equal by name."""
    return sorted(numbers.items(), key=lambda item: (-item[1], item[0]))[:TOP]


def test_the_leader_board_is_what_mysql_has(dashboard: Dashboard, carts: Carts, tmp_path: Path) -> None:
    carts.send(
        carts.generate(tmp_path, "shown", "--count", "400", "--span", "30m", "--users", "40", "--seed", "29").file
    )
    carts.wait_until_processed()
    query = (
        "SELECT userid, CAST(SUM(action_number) AS SIGNED) AS actions, "
        "CAST(SUM(IF(action = 'ORDER', action_number, 0)) AS SIGNED) AS orders FROM leader_board "
        "WHERE window_start >= (SELECT MAX(window_end) FROM leader_board) - INTERVAL 1 HOUR GROUP BY userid"
    )
    users = {
        str(row["userid"]): (int(str(row["actions"])), int(str(row["orders"]))) for row in carts.rows("mysql", query)
    }
    dashboard.open("carts")
    dashboard.page.get_by_role("radio", name="1 hour").click()
    expect(dashboard.page.get_by_role("radio", name="1 hour")).to_be_checked()
    most = sorted((actions for actions, _ in users.values()), reverse=True)[:TOP]
    until(
        lambda: [number for _, number in dashboard.numbers("actions by user", "user", "actions")] == most,
        30,
        f"the most actions are not {most}",
    )
    # The table may be drawn after the chart.
    until(
        lambda: (
            {user: (int(actions), int(orders)) for _, user, actions, _, orders in dashboard.rows()}.items()
            <= users.items()
        ),
        30,
        "the table has other numbers than MySQL",
    )
    assert len(dashboard.rows()) == min(TOP, len(users))


def test_orders_are_what_presto_and_cassandra_have(dashboard: Dashboard, stack: IsolatedStack) -> None:
    pipeline = Pipeline(stack, "orders")
    pipeline.start()
    stack.eventmill("shop", "run", "--rate", "1000", "--steps", "120", "--seed", "23")
    pipeline.wait_until_processed()
    stack.eventmill("tables", "orders")
    days = pipeline.rows("presto", "SELECT day, COUNT(*) AS orders FROM order_events GROUP BY day ORDER BY day")
    dashboard.open("orders")
    shown = dashboard.numbers("orders by day", "day", "orders")
    assert shown == [(str(row["day"]), int(str(row["orders"]))) for row in days]
    looks = looks_of(pipeline, "order_view", "order_id")
    assert dashboard.numbers("views by order", "order") == top(looks)
    assert dashboard.metric("Looks") == f"{looks.total():,}"


def test_an_engine_that_is_away_is_told_in_its_panel_alone(stack: IsolatedStack, chromium: Browser, logs: Logs) -> None:
    closed = next(port for port in count(32200) if is_free(port))
    with own_dashboard(stack, cassandra_port=closed, presto_port=closed, mysql_port=closed) as address:
        reader = Dashboard(chromium.new_page(), address)
        reader.open("orders")
        for title, engine in (("Orders per day", "Presto"), ("Orders looked up most", "Cassandra")):
            alert = reader.panel(title).get_by_role("alert")
            expect(alert).to_contain_text(f"{engine} does not answer. Start it with eventmill up {engine.lower()}.")
        reader.open("carts")
        expect(reader.page.get_by_role("alert")).to_contain_text("MySQL does not answer.")
        reader.open("visits")
        assert reader.bars("views by product")
        expect(reader.page.get_by_role("alert")).to_have_count(0)
        reader.page.close()
