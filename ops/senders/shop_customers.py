"""Customers of the shop, by its REST routes: they order, look up what is not delivered, and what they ordered comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Literal

import numpy as np
import requests
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from eventmill.config.errors import EventmillError
from eventmill.config.settings import Settings
from ops.datagen.product_views import uuids

USERS = PRODUCTS = 1000
"""As many as `sql/mysql/orders.sql` makes."""

OPEN = 500
"""Number of their newest open orders that customers remember."""

TIMEOUT = 30
RETRY_SECONDS = 0.5
Step = Literal["ordered", "looked up", "completed"]
STEPS: tuple[Step, ...] = ("ordered", "looked up", "ordered", "looked up", "completed")
"""Kinds of steps with their weights."""


class ShopError(EventmillError):
    """The shop refuses what customers want, or is away for too long; the message says why."""


class Away(Exception):  # noqa: N818 - not an error yet: it's tried again
    """The shop cannot answer now."""


class Customers:
    """Random customers, the same for the same seed; what the shop does not answer is tried again for a while.

    An order has its own identity, so that one which is tried again is not placed twice.

    Attributes:
        ordered: the number of each order by its identity.
    """

    def __init__(self, settings: Settings, seed: int, key: str = "", patience: float = 60) -> None:
        self.ordered: dict[str, int] = {}
        self._address = settings.api_address
        self._chance = np.random.default_rng(seed)
        self._patience = patience
        self._open: list[int] = []
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": "eventmill"} | ({"X-API-Key": key} if key else {}))

    def steps(self) -> Iterator[Step]:
        """Do one thing after another, for ever; each is told when it's done.

        Raises:
            ShopError: when the shop refuses it or does not answer in time.
        """
        while True:
            step = STEPS[self._any(len(STEPS))] if self._open else "ordered"
            {"ordered": self._order, "looked up": self._look_up, "completed": self._complete}[step]()
            yield step

    def _order(self) -> None:
        (identity,) = uuids(self._chance, 1)
        wanted = {
            "userid": f"user-{self._any(USERS) + 1}",
            "productid": f"product-{self._any(PRODUCTS) + 1}",
            "quantity": self._any(5) + 1,
        }
        order = self._ask("POST", "/v1/orders", json=wanted, headers={"Idempotency-Key": identity})
        self.ordered[identity] = order["orderid"]
        self._open = [*self._open[-OPEN + 1 :], order["orderid"]]

    def _look_up(self) -> None:
        self._ask("GET", f"/v1/orders/{self._open[self._any(len(self._open))]}")

    def _complete(self) -> None:
        number = self._open.pop(self._any(len(self._open)))
        self._ask("PATCH", f"/v1/orders/{number}", json={"status": 1})

    def _any(self, number: int) -> int:
        """A number from 0 up to that one."""
        return int(self._chance.integers(number))

    def _ask(self, method: str, path: str, **arguments: Any) -> Any:
        retrying = Retrying(
            retry=retry_if_exception_type((Away, requests.RequestException)),
            wait=wait_fixed(RETRY_SECONDS),
            stop=stop_after_delay(self._patience),
        )
        try:
            return retrying(self._once, method, path, **arguments)
        except RetryError as error:
            raise ShopError(
                f"the shop at {self._address} does not answer: {error.last_attempt.exception()}; see: eventmill status"
            ) from error

    def _once(self, method: str, path: str, **arguments: Any) -> Any:
        response = self._session.request(method, f"{self._address}{path}", timeout=TIMEOUT, **arguments)
        if response.status_code in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
            raise Away(response.text)
        if not response.ok:
            raise ShopError(f"the shop refuses {method} {path}: {response.text}")
        return response.json()


def steps_sentence(done: Counter[Step]) -> str:
    """Number of each kind of step, as a sentence."""
    return ", ".join(f"{done[step]} {step}" for step in dict.fromkeys(STEPS))
