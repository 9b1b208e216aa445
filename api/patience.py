"""Ends what takes too long, by one timer for all that is waited for: one for each would cost more than most waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

LOOKS = 20
"""How often a thing is looked at within its time."""

T = TypeVar("T")


class Patience:
    """Waits so many seconds for each thing, and at most a twentieth longer."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: dict[asyncio.Task[Any], float] = {}
        self._looking = False

    async def wait(self, work: Awaitable[T]) -> T:
        """The result of the work, which a task waits for.

        Raises:
            TimeoutError: when it does not come in time; it's cancelled then.
        """
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        self._waiting[task] = loop.time() + self._seconds
        if not self._looking:
            self._looking = True
            self._look(loop)
        try:
            return await work
        except asyncio.CancelledError:
            if task in self._waiting:
                raise
            task.uncancel()
            raise TimeoutError from None
        finally:
            self._waiting.pop(task, None)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel what is late, and look again later if anything is left."""
        now = loop.time()
        for task in [task for task, end in self._waiting.items() if end <= now]:
            del self._waiting[task]
            task.cancel()
        self._looking = bool(self._waiting)
        if self._looking:
            loop.call_later(self._seconds / LOOKS, self._look, loop)
