"""The dashboard in a browser: what its charts and panels tell, and one of its own whose engines are away."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import NamedTuple
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, expect

from eventmill.config.polling import until
from eventmill.config.settings import Settings
from ops.stack.engines import ENGINES, service_environment
from ops.stack.isolated_stack import IsolatedStack
from ops.stack.preflight import is_free

FIRST_PORT = 32100
SECONDS = 60
"""How long a page may take on a busy machine."""

BAR = "[aria-roledescription=bar]"


class Bar(NamedTuple):
    """A bar of a chart: its number, and what it stands for by name."""

    number: int
    names: dict[str, str]


class Dashboard:
    """Somebody who looks at the dashboard; whom the page asks and what it complains of is kept."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.asked: set[str] = set()
        self.complaints: list[str] = []
        page.set_default_timeout(SECONDS * 1000)
        page.on("request", lambda request: self.asked.add(urlsplit(request.url).netloc))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, pipeline: str) -> None:
        """Go to the page of a pipeline, by its address."""
        self.page.goto(f"{self.address}/{pipeline}")
        self.page.get_by_role("heading", name=pipeline.capitalize(), exact=True).wait_for()
        expect(self.page.get_by_role("dialog")).to_have_count(0)

    def bars(self, chart: str, number: str = "views") -> list[Bar]:
        """The bars of a chart, once it has some."""
        found = self.page.locator(f"[aria-roledescription=visualization][aria-label='{chart}']").locator(BAR)
        found.first.wait_for()
        labels = found.evaluate_all("bars => bars.map(bar => bar.getAttribute('aria-label'))")
        parts = [dict(part.split(": ", 1) for part in label.split("; ")) for label in labels]
        return [Bar(int(names.pop(number).replace(",", "")), names) for names in parts]

    def numbers(self, chart: str, name: str, number: str = "views") -> list[tuple[str, int]]:
        """The bars' numbers by one of their names, in the chart's order."""
        return [(bar.names[name], bar.number) for bar in self.bars(chart, number)]

    def metric(self, label: str) -> str:
        """The number below a label."""
        box = self.page.get_by_test_id("stMetric").filter(has_text=label)
        return box.get_by_test_id("stMetricValue").inner_text()

    def panel(self, title: str) -> Locator:
        """A panel by its title."""
        heading = self.page.get_by_role("heading", name=title, exact=True)
        return self.page.get_by_test_id("stVerticalBlock").filter(has=heading).last

    def pick(self, label: str, value: str) -> None:
        """Pick a value in a list."""
        box = self.page.get_by_role("combobox", name=re.compile(label))
        box.click()  # opens it, so that what is typed picks from the list
        box.fill(value)
        self.page.get_by_role("option", name=value, exact=True).click()

    def pick_day(self, day: str) -> None:
        """Pick a day, in ISO, of those that have views."""
        self.page.get_by_role("combobox", name=re.compile("Day")).click()
        self.page.get_by_role("option", name=re.compile(f"^{day}")).click()

    def rows(self) -> list[list[str]]:
        """The cells of the page's first table, row by row; what is drawn is told to screen readers so."""
        table = self.page.get_by_test_id("stDataFrame").first.locator("table")
        table.wait_for(state="attached")
        return [row.locator("td").all_text_contents() for row in table.locator("tbody tr").all()]

    def assert_alone(self) -> None:
        """The pages have asked nobody else, and have not broken."""
        assert self.asked == {urlsplit(self.address).netloc}
        assert self.complaints == []


@contextmanager
def own_dashboard(stack: IsolatedStack, **values: object) -> Iterator[str]:
    """The address of a dashboard with other settings, as long as the block lasts."""
    port = next(port for port in count(FIRST_PORT) if is_free(port))
    own: Settings = stack.settings.model_copy(update={**values, "dashboard_port": port})
    environment = stack.environment | service_environment(own)
    script = ENGINES / "dashboard"
    with subprocess.Popen([script / "run", "dashboard"], env=environment) as process:
        try:
            until(
                lambda: (
                    not subprocess.run([script / "ready", "dashboard"], env=environment, capture_output=True).returncode
                ),
                60,
                "the dashboard does not serve",
            )
            yield f"http://{own.dashboard_host}:{port}"
        finally:
            process.terminate()
