"""Waiting for a condition with a deadline and a message that says what did not happen."""

from __future__ import annotations

from collections.abc import Callable

from tenacity import RetryError, retry, retry_if_result, stop_after_delay, wait_fixed

from eventmill.config.errors import EventmillError


class DeadlineError(EventmillError):
    """A condition did not hold before its deadline; the message says which."""


def until(condition: Callable[[], bool], seconds: float, message: str, every: float = 0.2) -> None:
    """Ask again every so many seconds until the condition holds.

    Raises:
        DeadlineError: with the message, when it does not hold within `seconds`.
    """
    poll = retry(retry=retry_if_result(lambda done: not done), stop=stop_after_delay(seconds), wait=wait_fixed(every))
    try:
        poll(condition)()
    except RetryError:
        raise DeadlineError(message) from None
