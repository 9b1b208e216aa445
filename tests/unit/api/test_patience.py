"""Waiting for many things with one timer."""

from __future__ import annotations

import asyncio

import pytest

from api.patience import Patience

SECONDS = 0.1


async def after(seconds: float) -> float:
    """What takes so long."""
    await asyncio.sleep(seconds)
    return seconds


def test_what_comes_in_time_is_given() -> None:
    assert asyncio.run(Patience(SECONDS).wait(after(0))) == 0


def test_what_takes_too_long_is_ended_and_the_rest_goes_on() -> None:
    async def both() -> list[float | BaseException]:
        patience = Patience(SECONDS)
        waits = [asyncio.create_task(patience.wait(after(seconds))) for seconds in (60, SECONDS / 2)]
        return await asyncio.gather(*waits, return_exceptions=True)

    late, done = asyncio.run(both())
    assert isinstance(late, TimeoutError)
    assert done == SECONDS / 2


def test_each_thing_has_the_whole_time() -> None:
    async def one_after_another() -> list[float]:
        patience = Patience(SECONDS)
        return [await patience.wait(after(SECONDS * 0.6)) for _ in range(3)]

    assert len(asyncio.run(one_after_another())) == 3


def test_a_task_that_is_cancelled_from_without_stays_cancelled() -> None:
    async def cancel() -> None:
        task = asyncio.create_task(Patience(SECONDS).wait(after(60)))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())
