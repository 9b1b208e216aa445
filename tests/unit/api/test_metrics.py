"""The numbers for Prometheus, added up over processes."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from api import metrics
from api.metrics import Numbers


def test_numbers_of_all_processes_are_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(metrics.FOLDER, str(tmp_path))
    monkeypatch.setattr(metrics, "_own", Numbers())
    other = Numbers({("Tea", "accepted"): 3}, {("Tea", 202, 0): 1}, {"Tea": 0.001})
    (tmp_path / "1").write_bytes(msgspec.msgpack.encode(other))
    metrics.events("Tea", "accepted", 4)
    metrics.request("Tea", 202, 0.3)
    text = metrics.prometheus_text().decode()
    assert 'eventmill_api_events_total{outcome="accepted",type="Tea"} 7.0' in text
    assert 'eventmill_api_requests_total{status="202",type="Tea"} 2.0' in text
    assert 'eventmill_api_request_seconds_bucket{le="0.002",type="Tea"} 1.0' in text
    assert 'eventmill_api_request_seconds_bucket{le="0.25",type="Tea"} 1.0' in text
    assert 'eventmill_api_request_seconds_bucket{le="0.5",type="Tea"} 2.0' in text
    assert 'eventmill_api_request_seconds_count{type="Tea"} 2.0' in text
    assert 'eventmill_api_request_seconds_sum{type="Tea"} 0.301' in text


def test_asking_twice_counts_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(metrics.FOLDER, str(tmp_path))
    metrics.events("Tea", "rejected")
    assert metrics.prometheus_text() == metrics.prometheus_text()
