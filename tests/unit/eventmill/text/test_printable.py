"""Foreign text for people's eyes: nothing in it acts, nothing is hidden, and different texts stay different."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from eventmill.text.printable import decoded, visible, visible_lines
from tests.unit.any_text import any_text

ESCAPES = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")


def original(shown: str) -> str:
    """The text that shows so: each escape that `visible` makes is taken back."""

    def back(found: re.Match[str]) -> str:
        number = int(next(filter(None, found.groups())), 16)
        character = chr(number) if number < 0x110000 else found[0]
        return character if visible(character) == found[0] or character == "\\" else found[0]

    return ESCAPES.sub(back, shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("user-1 手机 📱 é [/b] :smile:", "user-1 手机 📱 é [/b] :smile:"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("\x9b31m\x7f\x00\r\n\t", r"\x9b31m\x7f\x00\x0d\x0a\x09"),
        ("a\u202egpj.exe\u2066\u200e\u200f\u061c", r"a\u202egpj.exe\u2066\u200e\u200f\u061c"),
        ("\u200b\u2028\u2029\ufeff\u00a0\u3164", r"\u200b\u2028\u2029\ufeff\xa0\u3164"),
        ("\ud800\U000e0041", r"\ud800\U000e0041"),
        (r'{"a": "\n\u00e9\"\\"}', r'{"a": "\n\u00e9\"\\"}'),
        (r"\x1b \u202e \x5c \U000e0041", r"\x5cx1b \x5cu202e \x5cx5c \x5cU000e0041"),
        (r"\x1B \x41 \Uffffffff", r"\x1B \x41 \Uffffffff"),
        ("\\\x1b", r"\\x1b"),
    ],
)
def test_what_cannot_be_seen_shows_as_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert original(shown) == text


@given(any_text())
def test_any_text_is_printable_and_can_be_told_apart(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    shown.encode()  # no half of a character is left
    assert original(shown) == text


@given(any_text())
def test_lines_stay_lines(text: str) -> None:
    assert visible_lines(text).count("\n") == text.count("\n")
    assert visible_lines(text).replace("\n", "").isprintable()


def test_bytes_that_are_not_utf_8_are_no_character() -> None:
    assert visible(decoded(b"\xff{\x80\x1b")) == r"\udcff{\udc80\x1b"
    assert visible(decoded("ÿ".encode())) == "ÿ"
    assert decoded(None) == ""
