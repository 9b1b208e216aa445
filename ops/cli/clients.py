"""Commands for clients: customers of the shop, players of the game, and keys of the event API."""

from __future__ import annotations

import time
from collections import Counter
from itertools import islice
from threading import Event
from typing import Annotated

import typer
from rich.progress import track

from eventmill.config import api_keys, settings
from eventmill.text.terminal import Console
from ops.cli.display import changing, say
from ops.senders import game_players, shop_customers

shop_app = typer.Typer(help="Keep the shop busy.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(shop_app, name="shop")
    app.command("play")(play_game)
    app.command("key")(make_key)


@shop_app.callback()
def shop() -> None:
    """Keep the shop busy."""


@shop_app.command()
def run(
    rate: Annotated[float, typer.Option(min=0.01, help="Steps a second.")] = 5,
    steps: Annotated[int | None, typer.Option(min=1, help="End after so many steps.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed makes the same steps.")] = None,
    key: Annotated[str, typer.Option(envvar="EVENTMILL_API_KEY", help="Key of the API, where it asks for one.")] = "",
    patience: Annotated[int, typer.Option(min=1, help="Seconds for a step while the shop does not answer.")] = 60,
) -> None:
    """Let customers order and look up what is not delivered, and complete orders, until Ctrl-C."""
    chosen = time.time_ns() if seed is None else seed
    busy = shop_customers.Customers(settings.load(), chosen, key, patience)
    done: Counter[shop_customers.Step] = Counter()
    due, pause = time.monotonic(), Event()
    with changing(Console()) as show:
        try:
            for step in islice(busy.steps(), steps):
                done[step] += 1
                show(shop_customers.steps_sentence(done))
                due += 1 / rate
                pause.wait(max(0.0, due - time.monotonic()))
        except KeyboardInterrupt:
            show(f"{shop_customers.steps_sentence(done)}; ended")


def play_game(
    loops: Annotated[int, typer.Argument(min=1, help="How often the players come.")] = 1,
) -> None:
    """Let players visit the game: buy swords and shields, join and leave guilds."""
    visits = game_players.play(settings.load(), loops)
    for _ in track(visits, "visits", total=loops * len(game_players.loop())):
        pass


def make_key(
    name: Annotated[str, typer.Argument(help="The client's name: letters from A to Z, digits, _, . and -.")],
) -> None:
    """Make a key of the event API for a client, and the name:sha256 pair for API_KEYS. It is kept nowhere."""
    made = api_keys.make(name)
    say(f"key, for the client alone: {made.key}")
    say(f"pair, for API_KEYS in .env: {made.pair}")
