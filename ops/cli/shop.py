"""Commands for the shop: customers who keep it busy."""

from __future__ import annotations

import time
from collections import Counter
from itertools import islice
from threading import Event
from typing import Annotated

import typer

from eventmill.config import settings
from eventmill.text.terminal import Console
from ops.cli.display import changing
from ops.senders import shop_customers

app = typer.Typer(help="Keep the shop busy.", no_args_is_help=True)


@app.callback()
def shop() -> None:
    """Keep the shop busy."""


@app.command()
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
                show(shop_customers.told(done))
                due += 1 / rate
                pause.wait(max(0.0, due - time.monotonic()))
        except KeyboardInterrupt:
            show(f"{shop_customers.told(done)}; ended")
