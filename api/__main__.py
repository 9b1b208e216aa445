"""Serves `api`, the event API, or `game`, the game service: python -m api api."""

from __future__ import annotations

import sys

from api.http.server import serve
from eventmill.config.settings import load

name = sys.argv[1]
settings = load()
port = {"api": settings.api_port, "game": settings.game_port}[name]
serve(f"api.app:{name}", port, settings.api_workers, tls=name == "api")
