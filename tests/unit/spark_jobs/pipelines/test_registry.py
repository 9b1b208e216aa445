"""The pipelines as the settings wire them."""

from __future__ import annotations

import pytest

from eventmill.databases import mysql
from spark_jobs.pipelines import registry
from spark_jobs.processing.window_aggregation import Count
from spark_jobs.sinks import live_counts
from spark_jobs.state.state_store import State
from tests.support import settings


def test_a_live_view_that_cannot_be_shown_ends_no_query(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    written: list[object] = []

    def write(_settings: object, _statement: str, rows: list[object], *, undo: bool) -> None:
        assert not undo
        written.extend(rows)

    def fail(*_: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(mysql, "write_rows", write)
    monkeypatch.setattr(live_counts, "show_counts", fail)
    outputs = registry._clicks_outputs(settings())
    outputs.live([Count(0, 300_000_000, "app[/web]", 1, 1)], State(7, 300))
    assert len(written) == 1
    assert "the live view of batch 7 cannot be shown" in caplog.text
