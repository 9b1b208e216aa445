"""The live view on the console: sources are text, whatever they hold."""

from __future__ import annotations

from io import StringIO

import hypothesis
import pytest

from eventmill.text.printable import visible
from eventmill.text.terminal import Console
from spark_jobs.processing.window_aggregation import Count
from spark_jobs.sinks import live_counts
from tests.unit.any_text import any_text


@pytest.mark.parametrize(
    ("source", "shown"),
    [("app[/web]", "app[/web]"), ("desk[top]", "desk[top]"), ("a\x1b[2J\u202eb", r"a\x1b[2J\u202eb")],
)
def test_a_source_is_shown_as_text(source: str, shown: str) -> None:
    out = StringIO()
    live_counts.show_counts(Console(file=out, width=200), [Count(0, 300_000_000, source, 7, 7)], 1)
    assert f"│ {shown} " in out.getvalue()


@hypothesis.settings(max_examples=40, deadline=None, derandomize=True)
@hypothesis.given(any_text())
def test_no_source_acts_on_the_console(source: str) -> None:
    out = StringIO()
    live_counts.show_counts(Console(file=out, width=1000), [Count(0, 300_000_000, source, 7, 7)], 1)
    assert out.getvalue().replace("\n", "").isprintable()
    assert visible(source) in out.getvalue()
