"""Questions to engines that are asked in the background, so that one that hangs holds up nobody who looks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from time import monotonic
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Asked(Generic[Answer]):
    """One question to one engine; it is not asked again while the engine is still at the last one.

    The threads are daemons: an engine that hangs does not hold up the end of the process either.
    """

    def __init__(self) -> None:
        self._future: Future[Answer] | None = None
        self._begun = 0.0

    @property
    def is_open(self) -> bool:
        """True when it was asked and the answer was not fetched yet."""
        return self._future is not None

    def seconds(self) -> float:
        """For how long the last question has been open."""
        return monotonic() - self._begun

    def begin(self, question: Callable[[], Answer]) -> None:
        """Ask, unless the last question still has no answer."""
        if self._future is None or self._future.done():
            self._future, self._begun = Future(), monotonic()
            Thread(target=_fulfil, args=(self._future, question), daemon=True).start()

    def answer(self, until: float) -> Answer:
        """The answer, which must come before this time of the monotonic clock; it can be fetched once.

        Raises:
            TimeoutError: when none came in time.
            Exception: the question's own.
        """
        if self._future is None:
            raise TimeoutError
        try:
            return self._future.result(max(0.0, until - monotonic()))
        finally:
            if self._future.done():
                self._future = None


def _fulfil(future: Future[Answer], question: Callable[[], Answer]) -> None:
    try:
        future.set_result(question())
    except BaseException as error:
        future.set_exception(error)
