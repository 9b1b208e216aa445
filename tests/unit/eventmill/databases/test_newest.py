"""Where the newest data are, whatever dates a few events have."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from eventmill.databases import newest

NOON = datetime(2026, 3, 1, 12)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FULL = [NOON - number * MINUTE for number in range(1, 24 * 60 + 1)]
"""A day of windows, the newest of which ends at noon."""


@pytest.mark.parametrize(
    "odd",
    [
        [],
        [NOON + 20 * HOUR],
        [NOON + 7 * DAY, NOON + 7 * DAY + MINUTE, datetime(2038, 1, 19)],
        [datetime(1970, 1, 1)],
        [NOON - timedelta(days=900) + number * DAY for number in range(5)],
    ],
)
@pytest.mark.parametrize("span", [HOUR, 6 * HOUR, DAY])
def test_a_few_odd_windows_do_not_decide_where_the_newest_span_ends(odd: list[datetime], span: timedelta) -> None:
    expected = NOON
    if odd == [NOON + 20 * HOUR] and span == DAY:
        expected = NOON + 20 * HOUR + MINUTE  # that day does hold the last hours of the others
    assert newest.end_of_newest([*odd, *FULL], MINUTE, span) == expected


def test_the_newest_of_few_windows_counts() -> None:
    assert newest.end_of_newest([NOON], MINUTE, HOUR) == NOON + MINUTE
    assert newest.end_of_newest([NOON, NOON + DAY, NOON - DAY], MINUTE, HOUR) == NOON + DAY + MINUTE
    assert newest.end_of_newest([], MINUTE, HOUR) is None


def test_a_quiet_hour_is_an_hour_with_data() -> None:
    quiet = [NOON + 10 * number * MINUTE for number in range(12)]
    assert newest.end_of_newest([*FULL, *quiet], MINUTE, HOUR) == NOON + 111 * MINUTE


@pytest.mark.parametrize(
    ("numbers", "day"),
    [
        ({}, None),
        ({"2026-03-01": 1}, "2026-03-01"),
        ({"2026-03-01": 900, "2026-03-02": 1000, "2038-01-19": 3}, "2026-03-02"),
        ({"1970-01-01": 2, "2026-03-01": 40, "2026-03-02": 3}, "2026-03-01"),
        ({"2026-03-01": 40, "2026-03-02": 4}, "2026-03-02"),
    ],
)
def test_the_newest_day_has_a_good_part_of_what_the_fullest_has(numbers: dict[str, int], day: str | None) -> None:
    assert newest.day(numbers) == day
