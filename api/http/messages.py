"""Requests and replies, as the routes of events have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from time import perf_counter

import msgspec

from api.http.problems import ProblemError


class Request(msgspec.Struct, gc=False):
    """A client's request.

    Attributes:
        method: in capitals.
        path: without escapes.
        query: with its escapes, without the question mark.
        headers: by their names in lower case; of several with one name, the values are joined by commas.
        address: the client's.
        body: all of it.
        received: when the headers were complete, by `perf_counter`.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    address: str
    body: bytes = b""
    received: float = msgspec.field(default_factory=perf_counter)


class Reply(msgspec.Struct, frozen=True):
    """The answer to a request."""

    status: HTTPStatus
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, problem: ProblemError) -> Reply:
        """The answer that tells a problem."""
        return cls(problem.status, problem.headers, problem.body())


Respond = Callable[[Reply], None]
"""Answers a request; to be called once, in the loop's thread."""
