"""Questions in the background: who hangs holds up nobody."""

from __future__ import annotations

from threading import Event
from time import monotonic

import pytest

from api.overview.background import Asked

LONG = 60.0


def test_an_answer_comes_once() -> None:
    asked = Asked[int]()
    asked.begin(lambda: 7)
    assert asked.answer(monotonic() + LONG) == 7
    with pytest.raises(TimeoutError):
        asked.answer(monotonic() + LONG)


def test_an_error_is_the_answer_too() -> None:
    asked = Asked[int]()
    asked.begin(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        asked.answer(monotonic() + LONG)


def test_a_question_that_hangs_is_not_asked_again() -> None:
    asked, release, calls = Asked[int](), Event(), []

    def hang() -> int:
        calls.append(1)
        release.wait(LONG)
        return len(calls)

    for _ in range(3):
        asked.begin(hang)
        with pytest.raises(TimeoutError):
            asked.answer(monotonic())
    release.set()
    assert asked.answer(monotonic() + LONG) == 1
    asked.begin(hang)
    assert asked.answer(monotonic() + LONG) == 2
