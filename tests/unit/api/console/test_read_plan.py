"""What is read: the last records at first, then what follows, fairly divided."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.console.cursor import TopicPosition
from api.console.read_plan import EVENTS, FIRST, ReadSpan, plan, shares, starts

FIRST_PLACE, SECOND_PLACE = TopicPosition("clicks", 0), TopicPosition("clicks", 1)
HELD = st.dictionaries(
    st.builds(TopicPosition, st.sampled_from(("clicks", "events")), st.integers(0, 9)),
    st.integers(0, 1000),
    max_size=12,
)


@given(HELD, st.integers(1, 300))
def test_shares_are_as_many_as_there_are_and_even(held: dict[TopicPosition, int], number: int) -> None:
    given_ = shares(held, number)
    assert sum(given_.values()) == min(number, sum(held.values()))
    unsatisfied = [given_[place] for place in held if given_[place] < held[place]]
    assert all(given_[place] <= held[place] for place in held)
    assert not unsatisfied or max(given_.values()) - min(unsatisfied) <= 1


def test_without_a_position_the_last_records_of_a_topic_are_read() -> None:
    held = {FIRST_PLACE: ReadSpan(0, 1000), SECOND_PLACE: ReadSpan(10, 15), TopicPosition("events", 0): ReadSpan(0, 70)}
    begin = starts({}, held)
    assert begin == {FIRST_PLACE: 1000 - FIRST + 5, SECOND_PLACE: 10, TopicPosition("events", 0): 70 - FIRST}


def test_a_position_is_where_reading_goes_on() -> None:
    assert starts({FIRST_PLACE: 400}, {FIRST_PLACE: ReadSpan(0, 1000)}) == {FIRST_PLACE: 400}


def test_a_position_at_the_end_stays_there() -> None:
    held = {FIRST_PLACE: ReadSpan(0, 1000)}
    assert starts({FIRST_PLACE: 1000}, held) == {FIRST_PLACE: 1000}
    assert plan({FIRST_PLACE: 1000}, held) == {}


def test_records_that_are_gone_are_left_out() -> None:
    assert starts({FIRST_PLACE: 5}, {FIRST_PLACE: ReadSpan(900, 1000)}) == {FIRST_PLACE: 900}


def test_a_topic_that_was_made_anew_is_begun_anew() -> None:
    assert starts({FIRST_PLACE: 500}, {FIRST_PLACE: ReadSpan(0, 3)}) == {FIRST_PLACE: 0}


def test_a_partition_that_was_added_is_read_from_its_share_on() -> None:
    held = {FIRST_PLACE: ReadSpan(0, 1000), SECOND_PLACE: ReadSpan(0, 3)}
    assert starts({FIRST_PLACE: 1000}, held) == {FIRST_PLACE: 1000, SECOND_PLACE: 0}


def test_a_helping_is_small_and_no_partition_waits_for_another() -> None:
    held = {FIRST_PLACE: ReadSpan(0, 1_000_000), SECOND_PLACE: ReadSpan(0, 3)}
    spans = plan({FIRST_PLACE: 10, SECOND_PLACE: 0}, held)
    assert spans == {FIRST_PLACE: ReadSpan(10, 10 + EVENTS - 3), SECOND_PLACE: ReadSpan(0, 3)}
