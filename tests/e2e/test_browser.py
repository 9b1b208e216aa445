"""The API's pages in a browser: Debian's Chromium, which `make e2e` installs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from ops.stack.isolated_stack import IsolatedStack
from tests.e2e.game import Game
from tests.e2e.own_api import own_api
from tests.load import Load

PICTURE = "<img src=x onerror='window.broken=1'>"


class Reader:
    """Somebody who opens a page; what the browser complains of and whom it asks is kept."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.complaints: list[str] = []
        self.asked: set[str] = set()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.asked.add(urlsplit(request.url).netloc))

    def _hear(self, message: ConsoleMessage) -> None:
        refused = "/v1/events/" in message.location["url"] and " 422 " in message.text
        if message.type in ("error", "warning") and not refused:  # that an event was refused is as it should be
            self.complaints.append(message.text)

    def open(self, path: str) -> None:
        """Go to a page of the API."""
        self.page.goto(self.address + path)

    def send(self, kind: str, **changes: object) -> None:
        """Send the example of that type by the form, with these changes."""
        self.page.get_by_label("Type").select_option(kind)
        text = self.page.get_by_label("Event, in JSON")
        event: dict[str, Any] = json.loads(text.input_value()) | changes
        text.fill(json.dumps(event))
        self.page.get_by_role("button", name="Send").click()

    def assert_content(self) -> None:
        """The browser has complained of nothing and has asked nobody but the API."""
        assert self.complaints == []
        assert self.asked == {urlsplit(self.address).netloc}


@pytest.fixture(scope="module")
def address(stack: IsolatedStack) -> Iterator[str]:
    """The address of an API of its own."""
    with own_api(stack) as found:
        yield found


@pytest.fixture
def reader(chromium: Browser, address: str) -> Iterator[Reader]:
    """A reader of the API."""
    page = chromium.new_page()
    yield Reader(page, address)
    page.close()


@pytest.fixture
def console(reader: Reader) -> Reader:
    """A reader of the console, which shows product views only, and nothing of before."""
    reader.open("/console/")
    expect(reader.page.locator("#state")).to_have_text("live")
    reader.page.get_by_role("button", name="Clear").click()
    reader.page.get_by_label("Topic").select_option("own-clicks")
    expect(reader.page.locator("#accepted")).to_have_text("0")
    return reader


def test_the_console_shows_what_is_sent(console: Reader) -> None:
    page, user = console.page, f"user-{uuid4()}"
    console.send("ProductView", userid=user)
    expect(page.locator("#status")).to_have_text("202 Accepted")
    expect(page.locator("#list li", has_text=user)).to_contain_text("accepted")
    for number in range(2):
        console.send("ProductView", userid=[number])
        expect(page.locator("#rejected")).to_have_text(str(number + 1))
    expect(page.locator("#status")).to_contain_text("422")
    expect(page.locator("#accepted")).to_have_text("1")
    expect(page.locator("#reasons tr")).to_have_text(["2userid: expected `int | str`, got `array`"])
    page.get_by_label("rejected", exact=True).check()
    expect(page.locator("#list li")).to_have_count(2)
    console.assert_content()


def test_an_event_of_the_console_opens_by_the_keyboard(console: Reader) -> None:
    console.send("ProductView", userid=[7])
    summary = console.page.locator("#list summary").first
    summary.focus()
    summary.press("Enter")
    expect(console.page.locator("#list .why")).to_have_text("userid: expected `int | str`, got `array`")
    event = json.loads(console.page.locator("#list pre").inner_text())
    assert (event["event"], event["userid"]) == ("ProductView", [7])
    console.assert_content()


def test_what_an_event_holds_is_only_text(console: Reader) -> None:
    page = console.page
    console.send("ProductView", userid=PICTURE)
    expect(page.locator("#list li", has_text=PICTURE)).to_contain_text("accepted")
    console.send("ProductView", userid="a\u202eb\x1b[2J")
    expect(page.locator("#list li", has_text=r"a\u202eb\x1b[2J")).to_contain_text("accepted")
    console.send("ProductView", event=PICTURE)
    expect(page.locator("#reasons")).to_contain_text(PICTURE)
    for summary in page.locator("#list summary").all():
        summary.click()
    expect(page.locator("#list pre", has_text=PICTURE)).to_have_count(2)
    assert page.locator("main img").count() == 0
    assert page.evaluate("window.broken") is None
    console.assert_content()


def test_a_pause_of_the_console_loses_nothing(console: Reader) -> None:
    page = console.page
    page.get_by_role("button", name="Pause").click()
    console.send("ProductView")
    expect(page.locator("#status")).to_have_text("202 Accepted")
    expect(page.locator("#state")).to_have_text("paused")
    expect(page.locator("#accepted")).to_have_text("0")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#accepted")).to_have_text("1")
    console.assert_content()


def test_the_description_shows_the_routes_of_events(reader: Reader) -> None:
    reader.open("/docs/")
    for kind in ("ProductView", "GameEvent", "UserAction"):
        expect(reader.page.locator(f"[data-path='/v1/events/{kind}']")).to_be_visible()
    expect(reader.page.get_by_role("link", name="Event console")).to_be_visible()
    reader.assert_content()


def test_the_first_page_shows_what_answers_and_where_the_records_are(chromium: Browser, game: Game) -> None:
    Load(game.api, "page.example.org", batches=2, seed=51).send()
    game.in_tables()
    (report,) = json.loads(game.stack.eventmill("verify", "game", "--format", "json").stdout)
    page, settings = chromium.new_page(), game.stack.settings
    reader = Reader(page, game.api)
    reader.open("/")
    expect(page.locator("#pages .rejected")).to_have_count(0)
    nifi = f"http://{settings.nifi_host}:{settings.nifi_port}/nifi/"
    expect(page.get_by_role("link", name="NiFi")).to_have_attribute("href", nifi)
    numbers = [f"{report[name]:,}" for name in ("accepted", "stored", "rejected", "duplicates", "late", "waiting")]
    cells = page.locator("#pipelines tr", has_text="game").locator("td")
    at_entry = f"{report['rejected_at_entry']:,}"
    expect(cells).to_have_text([settings.game_topic, *numbers, "0", at_entry, "0", re.compile("running|not started")])
    expect(page.locator("#reasons li", has_text="game:")).to_have_count(0)
    reader.assert_content()
    page.close()


def test_the_page_of_hdfs_lists_folders(chromium: Browser, stack: IsolatedStack) -> None:
    page, settings = chromium.new_page(), stack.settings
    reader = Reader(page, f"http://{settings.hdfs_host}:{settings.hdfs_http_port}")
    reader.open("/#/")
    page.get_by_role("link", name="eventmill/").click()
    expect(page.locator("#path")).to_have_text("/ eventmill")
    expect(page.locator("#state")).to_contain_text("entr")
    page.close()
