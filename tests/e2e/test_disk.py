"""A full disk costs nothing but time: all pipelines under way while somebody fills the disk of the whole stack."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from eventmill.config.disk import Reserve
from eventmill.config.polling import until
from ops.stack.isolated_stack import IsolatedStack
from ops.stack.supervisor import log_file
from tests.e2e.carts import Carts
from tests.e2e.clicks import Clicks
from tests.e2e.game import Game
from tests.e2e.test_visits import Visits, generate
from tests.load import Load
from tests.small_disk import SmallDisk

HOST = "disk.example.org"
FULL_SECONDS = 120
PATIENCE = 900
SOUND = ("--late", "0%", "--duplicates", "0%", "--broken", "0%")
"""Each record of a sample is stored."""


def why_refused(api: str) -> str:
    """The reason for which the event API refuses an event, or nothing when it takes it."""
    event = {"Host": "refused.example.org", "event_type": "default"}
    answer = requests.post(f"{api}/v1/events/GameEvent", json=event, timeout=30)
    return str(answer.json()["reason"]) if answer.status_code == requests.codes.unavailable else ""


def test_a_full_disk_costs_nothing_but_time(
    disk: SmallDisk, stack: IsolatedStack, clicks: Clicks, game: Game, carts: Carts, tmp_path: Path
) -> None:
    if disk.missing:
        pytest.skip(disk.missing)
    visits, options, nifi = Visits(stack), (*SOUND, "--seed", "31"), log_file(stack.settings, "nifi")
    views = clicks.generate(tmp_path, "views", "--count", "20000", "--span", "2h", *options)
    actions = carts.generate(tmp_path, "actions", "--count", "10000", "--users", "500", *options)
    logs, _ = generate(stack, tmp_path, "--count", "5000", "--start", "2026-05-01T00:00:00Z", "--seed", "31")
    load = Load(game.api, HOST, batches=600, seed=31, patience=PATIENCE)
    patience, begun = ("--patience", str(PATIENCE)), [pipeline.held() for pipeline in (game, carts, visits)]
    commands = (
        ("send", "carts", str(actions.file), "--batch", "100", *patience),
        ("send", "visits", str(logs), *patience),
        ("shop", "run", "--rate", "20", "--steps", "3000", "--seed", "31", *patience),
    )
    with ThreadPoolExecutor(5) as pool:
        sending: list[Future[Any]] = [pool.submit(load.send)]
        sending += [pool.submit(stack.eventmill, *command, seconds=PATIENCE + 300) for command in commands]
        for pipeline, before in zip((game, carts, visits), begun, strict=True):
            until(lambda: pipeline.held() > before, 180, f"nothing comes to {pipeline.name}")  # noqa: B023 - called at once

        reserve = Reserve.of(stack.settings).tightest().reserve
        with disk.filled(leave=reserve // 2):
            until(
                lambda: "nearly full" in why_refused(game.api),
                30,
                "the API takes events though the disk is nearly full",
            )
            assert "nearly full" in stack.eventmill("status", check=False).stdout
            published = clicks.held()
            clicks.send(views.file, "--no-wait")
            until(lambda: "no file is read: the disk" in nifi.read_text("utf-8"), 60, "NiFi does not hold back")
            assert clicks.held() == published
            disk.keep_full(FULL_SECONDS)
        for sent in sending:
            sent.result()
    stack.eventmill("up", seconds=900)
    clicks.wait_until_held(published + views.truth.lines)
    for pipeline in (clicks, game, carts, visits):
        pipeline.wait_until_processed(600)
    for name in ("clicks", "game", "carts", "orders"):
        stack.eventmill("tables", name)
    clicks.verify("--truth", str(views.truth_file))
    stack.eventmill("verify", "game", "carts", "orders", "visits")
    identity = "SELECT json_extract_scalar(raw_event, '$.messageid') AS id FROM game_events"
    stored = [row["id"] for row in game.rows("presto", f"{identity} WHERE host = '{HOST}'")]
    assert (len(stored), set(stored)) == (len(load.sent), set(load.sent))
