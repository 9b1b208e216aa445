"""The API under requests that nobody foresaw, made from its own description."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.e2e.game import Game

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
# What a schema cannot say: that a timestamp is a time that can be true.
OPTIONS = (
    "--phases",
    "coverage,fuzzing",
    "--exclude-checks",
    "positive_data_acceptance",
    "--suppress-health-check",
    "all",
)


def test_no_request_breaks_the_api(game: Game) -> None:
    address = f"http://{game.stack.settings.api_host}:{game.stack.settings.api_port}/openapi.json"
    command = [str(SCHEMATHESIS), "run", address, "--seed", "7", "--max-examples", "100", "--no-color", *OPTIONS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    cases = re.search(r"(\d+) generated", done.stdout)
    assert done.returncode == 0, done.stdout[-5000:]
    assert cases
    assert int(cases[1]) > 500
