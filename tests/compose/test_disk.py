"""A disk that fills up under Kafka, the NameNode, MySQL and PostgreSQL costs nothing but time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from eventmill.config.polling import until
from eventmill.config.settings import ROOT
from tests.compose.containers import Containers
from tests.compose.test_containers import (
    EVENTS,
    IDENTITIES,
    SEND_CARTS,
    SEND_VISITS,
    SHOP_RUN,
    SOUND,
    facts,
    generate,
    held,
    number,
    wait_until_processed,
)
from tests.load import Load
from tests.small_disk import SmallDisk

pytestmark = pytest.mark.long

HOST = "disk.example.org"
ENGINES = ("kafka", "namenode", "mysql", "postgres")
DISK_MB = 3300
FULL_SECONDS = 120
PATIENCE = ("--patience", "900")


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    """A disk with a folder for each of the engines."""
    small = SmallDisk(ROOT / ".eventmill" / "test-compose-disk", DISK_MB)
    if small.missing:
        pytest.skip(small.missing)
    for name in ENGINES:
        (small.folder / name).mkdir()
        (small.folder / name).chmod(0o777)
    yield small
    small.remove()


@pytest.fixture
def on_small_disk(disk: SmallDisk) -> Iterator[Containers]:
    """A running stack whose engines keep their data there."""
    stack = Containers(
        "eventmill-disk",
        36000,
        override="tests/compose/small-disk.yml",
        SMALL_DISK=str(disk.folder),
        ORDERS_SCHEDULE="0 0 29 2 *",
    )
    stack.remove()
    stack.build()
    stack.up()
    yield stack
    stack.remove()


def test_a_full_disk_costs_nothing_but_time(on_small_disk: Containers, disk: SmallDisk) -> None:
    stack = on_small_disk
    views, truth = generate(stack, "disk", 10_000, *SOUND)
    actions, _ = generate(stack, "disk", 10_000, *SOUND, pipeline="carts")
    logs, _ = generate(stack, "disk", 2_000, pipeline="visits")
    load = Load(stack.api, HOST, batches=400, seed=41, patience=900)
    with ThreadPoolExecutor(5) as pool:
        stack.eventmill("send", "clicks", views, "--no-wait")
        commands = (
            (*SEND_CARTS[:-2], *PATIENCE, actions),
            (*SHOP_RUN[:-2], *PATIENCE),
            (*SEND_VISITS[:-2], *PATIENCE, logs),
        )
        sending: list[Future[Any]] = [pool.submit(load.send)]
        sending += [pool.submit(stack.eventmill, *command, seconds=1200) for command in commands]
        until(lambda: load.answered > 20, 180, "the API answers nothing")
        with disk.filled(leave=0):
            disk.keep_full(FULL_SECONDS)
        until(lambda: not stack.ill(), 300, "not all services are healthy again", every=2)
        for sent in sending:
            sent.result()
    until(lambda: held(stack) >= 10_000, 300, "Kafka has not got all clicks", every=1)
    for pipeline in ("clicks", "game", "carts", "orders", "visits"):
        wait_until_processed(stack, pipeline)
    for pipeline in ("clicks", "game", "carts", "orders"):
        stack.eventmill("tables", pipeline)
    stack.eventmill("verify", "clicks", "--truth", truth)
    stack.eventmill("verify", "game", "carts", "orders", "visits")
    assert [number(stack, query.format(HOST)) for query in (EVENTS, IDENTITIES)] == [len(load.sent)] * 2
    assert facts(stack) == 2_000
