"""The command that makes a key of the event API."""

from __future__ import annotations

from typing import Annotated

import typer

from eventmill.config import api_keys
from ops.cli.display import say


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("key")(make_key)


def make_key(
    name: Annotated[str, typer.Argument(help="The client's name: letters from A to Z, digits, _, . and -.")],
) -> None:
    """Make a key of the event API for a client, and the name:sha256 pair for API_KEYS. It is kept nowhere."""
    made = api_keys.make(name)
    say(f"key, for the client alone: {made.key}")
    say(f"pair, for API_KEYS in .env: {made.pair}")
