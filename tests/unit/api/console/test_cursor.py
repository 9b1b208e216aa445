"""Cursors: what is written is what is read, and nothing else is read."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.console import cursor
from api.console.cursor import CursorError, TopicPosition

NUMBERS = st.integers(0, 2**31 - 1)
POSITIONS = st.dictionaries(
    st.builds(TopicPosition, st.text(max_size=20), NUMBERS), st.integers(0, 2**63 - 1), max_size=30
)


@given(POSITIONS)
def test_a_cursor_holds_its_positions(positions: dict[TopicPosition, int]) -> None:
    text = cursor.encode_cursor(positions)
    assert cursor.decode_cursor(text) == positions
    assert re.search(cursor.PATTERN, text)


@given(st.text(max_size=50) | st.binary(max_size=50).map(lambda raw: urlsafe_b64encode(raw).decode()))
def test_any_other_text_is_refused_or_is_a_cursor(text: str) -> None:
    try:
        positions = cursor.decode_cursor(text)
    except CursorError:
        return
    assert all(offset >= 0 and place.partition >= 0 for place, offset in positions.items())


@pytest.mark.parametrize(
    "inside",
    [
        b"",
        b"[]",
        b"7",
        b'{"clicks":7}',
        b'{"clicks":{"0":-1}}',
        b'{"clicks":{"-1":1}}',
        b'{"clicks":{"0":9223372036854775808}}',
    ],
)
def test_positions_that_cannot_be_are_refused(inside: bytes) -> None:
    with pytest.raises(CursorError):
        cursor.decode_cursor(urlsafe_b64encode(inside).decode().rstrip("="))


@pytest.mark.parametrize("text", ["", "a", "abc", "e30=", "+/+/", "é", "A" * (cursor.LONGEST + 1), "W" * 30_000])
def test_a_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(CursorError):
        cursor.decode_cursor(text)
