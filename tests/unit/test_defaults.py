"""What users find without having set anything: topics, windows and triggers, and Apache Bench's endless players."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from eventmill.config.settings import ROOT
from eventmill.kafka import topics
from tests.support import settings

AB = ROOT / "data" / "ab"


def test_topics_have_their_names_and_partitions() -> None:
    found = {topic.name: topic.partitions for topic in topics.declared(settings()) if topic.contract}
    names = "clicks orders order-views user-actions carts.abandoned carts.timed-out page-logs events"
    assert found == dict.fromkeys(names.split(), 4)


def test_windows_watermarks_and_triggers_have_their_lengths() -> None:
    own = settings()
    assert (own.clicks_window_seconds, own.clicks_watermark_seconds) == (300, 300)
    assert (own.game_trigger_seconds, own.views_trigger_seconds, own.carts_window_seconds) == (10, 10, 5)
    assert (own.orders_schedule, own.compaction_schedule) == ("*/5 * * * *", "30 1 * * *")


def test_players_come_again_after_ten_seconds_for_ever(tmp_path: Path) -> None:
    visits, pauses = tmp_path / "visits", tmp_path / "pauses"
    write(tmp_path / "ab", f'echo "$@" >>{visits}; echo "Failed requests: 0"')
    write(tmp_path / "sleep", f'echo "$1" >>{pauses}; [ "$(wc -l <{pauses})" -lt 3 ]')
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        [AB / "endless", "http://game.example.org"], env=os.environ | {"PATH": path}, capture_output=True, text=True
    )
    assert done.returncode != 0, "only the failing pause has ended it"
    assert pauses.read_text().split() == ["10"] * 3
    loop = (AB / "loop.txt").read_text().splitlines()
    asked = visits.read_text().splitlines()
    assert len(asked) == 3 * len(loop)
    assert asked[0].endswith(f"http://game.example.org/{loop[0].split()[2]}")


def write(file: Path, script: str) -> None:
    """A program for the PATH."""
    file.write_text(f"#!/bin/bash\n{script}\n")
    file.chmod(0o755)
