"""Requests that nobody foresaw, made from the API's own description: `make fuzz`, and a shorter run in the tests.

The requests come from schemathesis, one process for each seed and as many at a time as there are cores: to make a
request takes far longer than to answer it. A failing seed makes the same requests again:

    python -m tests.e2e.fuzz --address http://127.0.0.1:8000 --seed 7
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import typer
from rich.console import Console

from eventmill.config import settings

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = 190
"""Requests of each operation that one seed makes; operations with few possible requests make those."""

EACH_SEED = 2500
"""Requests that one seed makes at least."""

SECONDS = 900
"""The longest that one seed may take."""


class FuzzError(AssertionError):
    """An answer broke the description; the message ends with what was sent and answered."""


def one(address: str, seed: int) -> int:
    """Send the requests of one seed; returns how many.

    Raises:
        FuzzError: when the API answered what its description doesn't know.
    """
    command = [str(SCHEMATHESIS), "--config-file", str(CONFIGURATION), "run", f"{address}/openapi.json", "--no-color"]
    # The first seed also has the cases that are the same for all seeds: the edges of every schema.
    command += ["--phases", "coverage,fuzzing" if seed == 0 else "fuzzing"]
    command += ["--seed", str(seed), "--max-examples", str(EXAMPLES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    made = re.search(r"(\d+) generated", done.stdout)
    if done.returncode or not made:
        raise FuzzError(f"seed {seed}:\n{done.stdout[-10_000:]}{done.stderr[-2000:]}")
    return int(made[1])


def many(address: str, cases: int) -> Iterator[int]:
    """Send at least so many requests; yields how many more were sent whenever a seed is done."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = [pool.submit(one, address, seed) for seed in range(-(-cases // EACH_SEED))]
        try:
            for done in as_completed(running):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def main(address: str = "", cases: int = 100_000, seed: int | None = None) -> None:
    """Send so many requests, or those of one seed, to the API of the running stack or at an address."""
    values, console, sent = settings.load(), Console(), 0
    address = address or values.api_address
    for number in many(address, cases) if seed is None else [one(address, seed)]:
        sent += number
        console.print(f"{sent:,} requests, all answers as described")


if __name__ == "__main__":
    typer.run(main)
