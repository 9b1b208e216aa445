"""Offsets in Spark's checkpoint."""

from __future__ import annotations

from eventmill.lake import checkpoint_progress

ENTRY = b'v1\n{"batchWatermarkMs":0,"conf":{}}\n{"clicks":{"2":5,"10":70,"0":0}}'


def test_the_offsets_of_a_topic_are_read_from_the_log() -> None:
    assert checkpoint_progress.parse_offsets(ENTRY, "clicks") == {2: 5, 10: 70, 0: 0}
    assert checkpoint_progress.parse_offsets(ENTRY + b'\n{"orders":{"0":9}}', "orders") == {0: 9}


def test_waiting_records_are_counted_over_all_partitions() -> None:
    assert checkpoint_progress.behind({0: 5, 1: 7}, {0: 9, 1: 7, 2: 3}) == 7
    assert checkpoint_progress.behind({0: 5}, {0: 3}) == 0
