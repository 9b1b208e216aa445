"""Who may send requests: clients known by the SHA-256 of their keys, and how many requests a second each may send."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from http import HTTPStatus
from math import ceil

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from api.http.problems import ProblemError
from eventmill.config.api_keys import key_digest
from eventmill.config.settings import Settings


class Keys:
    """The clients that are set, and a share of their rates for each of the API's processes.

    A process has one, so that a client's requests to all routes count together.
    """

    def __init__(self, settings: Settings) -> None:
        pairs = (pair.split(":") for pair in settings.api_keys.split(",") if pair)
        self._names = {hashed: name for name, hashed in pairs}
        rate = settings.api_requests_per_second
        self._rate = RateLimitItemPerSecond(ceil(rate / settings.api_workers)) if rate else None
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def admit(self, headers: Mapping[str, str], address: str) -> None:
        """Let a request in, by its headers with names in lower case.

        Raises:
            ProblemError: 401 without a key where one is needed, 403 with an unknown one, 429 when there are too many.
        """
        self._count(self._client(headers) if self._names else address)

    def admit_anybody(self, headers: Mapping[str, str], address: str) -> None:
        """Let a request in that needs no key, such as a player's.

        Raises:
            ProblemError: 429 when there are too many of the key's client, or of the address where it has no known key.
        """
        self._count(self._name(_key(headers)) or address)

    def _count(self, client: str) -> None:
        if self._rate and not self._limiter.hit(self._rate, client):
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS, f"more than {self._rate.amount} requests a second", {"Retry-After": "1"}
            )

    def _client(self, headers: Mapping[str, str]) -> str:
        key = _key(headers)
        if not key:
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                "a key is needed, as X-API-Key or as Authorization: Bearer",
                {"WWW-Authenticate": "Bearer"},
            )
        if name := self._name(key):
            return name
        raise ProblemError(HTTPStatus.FORBIDDEN, "this key is not known")

    def _name(self, key: str) -> str | None:
        """The client that has the key."""
        given = key_digest(key)
        # All are compared, each in constant time: how long it takes tells nothing.
        found = [name for hashed, name in self._names.items() if hmac.compare_digest(hashed, given)]
        return found[0] if found else None


def _key(headers: Mapping[str, str]) -> str:
    return headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
