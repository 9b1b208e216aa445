"""One stack of its own for all tests of whole pipelines."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from eventmill.config.settings import ROOT
from ops.stack.isolated_stack import IsolatedStack
from tests.e2e.carts import Carts
from tests.e2e.clicks import Clicks
from tests.e2e.game import Game
from tests.small_disk import SmallDisk

DISK_MB = 16_384
"""Room for all that the tests write, of which little is ever taken."""

BROWSER_SECONDS = 30
"""How long a page may take to show what is expected."""


@pytest.fixture(scope="session")
def disk() -> Iterator[SmallDisk]:
    """The disk of the stack: one of its own, where this machine can have one."""
    small = SmallDisk(ROOT / ".eventmill" / "test", DISK_MB)
    yield small
    small.remove()


@pytest.fixture(scope="session")
def doors(disk: SmallDisk) -> Iterator[IsolatedStack]:
    """A stack with nothing in it, beside the user's own; only what an event API of its own needs runs for sure."""
    beside = IsolatedStack(
        f"{disk.folder.name}/stack",
        31000,
        clicks_trigger_seconds=2,
        clicks_max_offsets_per_trigger=4000,
        game_trigger_seconds=2,
        game_max_offsets_per_trigger=20000,
        # Its DAG runs when a test says so.
        orders_schedule="0 0 29 2 *",
        orders_trigger_seconds=2,
        views_trigger_seconds=2,
        carts_trigger_seconds=2,
        carts_max_offsets_per_trigger=5000,
    )
    beside.remove()
    beside.eventmill("up", "kafka", "mysql", seconds=300)
    yield beside
    beside.remove()


@pytest.fixture(scope="session")
def stack(doors: IsolatedStack) -> IsolatedStack:
    """The same with all services."""
    doors.eventmill("up", seconds=900)
    return doors


@pytest.fixture
def clicks(stack: IsolatedStack) -> Clicks:
    """The clicks pipeline of the stack, its continuous job running and with nothing left to do."""
    pipeline = Clicks(stack)
    pipeline.start()
    return pipeline


@pytest.fixture
def game(stack: IsolatedStack) -> Game:
    """The game pipeline of the stack, likewise."""
    pipeline = Game(stack)
    pipeline.start()
    return pipeline


@pytest.fixture
def carts(stack: IsolatedStack) -> Carts:
    """The carts pipeline of the stack, likewise."""
    pipeline = Carts(stack)
    pipeline.start()
    return pipeline


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("chromium is missing; run: sudo apt-get install chromium")
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    expect.set_options(timeout=BROWSER_SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()
