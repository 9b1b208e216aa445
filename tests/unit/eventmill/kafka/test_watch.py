"""What the console reader shows of a record."""

from __future__ import annotations

import json
from types import SimpleNamespace

from eventmill.kafka import watch

RECORD = SimpleNamespace(
    partition=2,
    offset=41,
    timestamp=1767225600123,
    key="user-é".encode(),
    value='{"a": "手机"}'.encode(),
    headers=[("reason", b"late")],
)
BROKEN = SimpleNamespace(partition=0, offset=0, timestamp=0, key=None, value=b"\xff{", headers=[])


def test_the_headline_has_place_time_key_and_headers() -> None:
    assert watch.headline(RECORD) == "2@41 2026-01-01 00:00:00.123 key=user-é reason=late"


def test_a_json_value_is_shown_as_json() -> None:
    shown = json.loads(watch.record_json(RECORD))
    assert shown == {
        "partition": 2,
        "offset": 41,
        "time": "2026-01-01T00:00:00.123000Z",
        "key": "user-é",
        "headers": {"reason": "late"},
        "value": {"a": "手机"},
    }


def test_a_value_that_is_no_json_is_shown_as_text() -> None:
    assert json.loads(watch.record_json(BROKEN))["value"] == "\\xff{"
    assert watch.value_text(BROKEN.value) == "\\xff{"


def test_no_value_is_shown_as_nothing() -> None:
    assert watch.value_text(None) == ""
