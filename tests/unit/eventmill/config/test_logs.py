"""What our own services log: from the level on that is set, with time, level and origin."""

from __future__ import annotations

import subprocess
import sys

import pytest

from eventmill.config import logs
from tests.support import settings

PROGRAM = """
import logging, sys
from eventmill.config import logs
from tests.support import settings
for _ in range(2):
    logs.start_logging(settings(log_level=sys.argv[1]))
for level in ("debug", "info", "warning", "error"):
    getattr(logging.getLogger("api.shop.outbox"), level)("said as %s", level)
"""


@pytest.mark.parametrize(
    ("level", "shown"),
    [("debug", ["DEBUG", "INFO", "WARNING", "ERROR"]), ("warning", ["WARNING", "ERROR"]), ("error", ["ERROR"])],
)
def test_a_line_has_time_level_and_origin_from_the_level_on(level: str, shown: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, level], capture_output=True, text=True, check=True)
    lines = [line.partition("Z ") for line in done.stderr.splitlines()]
    assert [text for _, _, text in lines] == [f"{name} api.shop.outbox: said as {name.lower()}" for name in shown]
    assert all(len(moment) == len("2026-01-01T00:00:00") for moment, _, _ in lines)


def test_spark_keeps_its_warnings_to_itself_unless_more_is_asked_for() -> None:
    levels = {level: logs.of_spark(settings(log_level=level)) for level in ("info", "warning", "error")}
    assert levels == {"info": "INFO", "warning": "ERROR", "error": "ERROR"}
