"""Serves `api`, the event API, or `game`, the game service: python -m api api."""

from __future__ import annotations

import sys

from api.server import serve
from eventmill.settings import load

name = sys.argv[1]
settings = load()
serve(f"api.serve:{name}", {"api": settings.api_port, "game": settings.game_port}[name], settings.api_workers)
