"""Players at the game: the visits of `data/ab/loop.txt`, which Apache Bench makes too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import requests

from eventmill.config.settings import ROOT, Settings

LOOP = ROOT / "data" / "ab" / "loop.txt"
TIMEOUT = 30


class Visit(NamedTuple):
    """One look at a page of the game; the host stands for the player."""

    host: str
    path: str


def loop() -> list[Visit]:
    """The visits of one loop, in their order."""
    lines = (line.split() for line in LOOP.read_text("utf-8").splitlines())
    return [Visit(host, path) for number, host, path in lines for _ in range(int(number))]


def play(settings: Settings, loops: int) -> Iterator[Visit]:
    """Make the visits of so many loops; each is given back when the game has answered.

    Raises:
        requests.RequestException: when the game refuses one or is away.
    """
    game = f"http://{settings.game_host}:{settings.game_port}"
    with requests.Session() as session:
        session.headers["User-Agent"] = "eventmill"
        for visit in loop() * loops:
            session.get(f"{game}/{visit.path}", headers={"Host": visit.host}, timeout=TIMEOUT).raise_for_status()
            yield visit
