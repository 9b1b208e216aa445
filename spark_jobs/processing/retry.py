"""Retry policy of the sinks: while a store is away the batch waits for it; other pipelines go on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, before_sleep_log, retry_if_exception, stop_after_delay, wait_fixed

PAUSE_SECONDS = 2
AWAY_SECONDS = 600
"""Seconds for which a store may be away; after that its error ends the process, which is started again."""

Result = TypeVar("Result")
log = logging.getLogger(__name__)


def with_retries(write: Callable[[], Result], is_away: Callable[[BaseException], bool]) -> Result:
    """Calls `write` and returns its result, tried again as long as its error says that the store is away."""
    trying = Retrying(
        retry=retry_if_exception(is_away),
        wait=wait_fixed(PAUSE_SECONDS),
        stop=stop_after_delay(AWAY_SECONDS),
        before_sleep=before_sleep_log(log, logging.WARNING),
        reraise=True,
    )
    return trying(write)
