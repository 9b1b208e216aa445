"""The demo's sample data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ops.reports import demo


@pytest.mark.parametrize(("hours", "share"), [(-7, "1%"), (-5, "0%"), (1, "0%")])
def test_sample_data_that_may_lie_ahead_has_no_late_events(hours: int, share: str) -> None:
    assert demo.late_share(datetime.now(UTC) + timedelta(hours=hours)) == share


def test_a_fresh_demo_has_late_events() -> None:
    assert demo.late_share(demo.FIRST_START) == "1%"
