"""What goes between the HTTP server and what answers its requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Protocol

import msgspec

from api.problems import ProblemError


class Request(msgspec.Struct, gc=False):
    """What a client asks.

    Attributes:
        method: in capitals.
        path: without escapes.
        query: with its escapes, without the question mark.
        headers: by their names in lower case; of several with one name, the values are joined by commas.
        address: the client's.
        received: when the headers were complete, by `perf_counter`.
        last: whether the connection ends with the answer.
        keep: whether the answer must say when the connection does not end, as for HTTP/1.0.
        refused: why it is not served.
        body: all of it.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    address: str
    received: float
    last: bool = False
    keep: bool = False
    refused: ProblemError | None = None
    body: bytes = b""


class Reply(msgspec.Struct, frozen=True):
    """What is answered."""

    status: HTTPStatus
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, problem: ProblemError) -> Reply:
        """The answer that tells a problem."""
        return cls(problem.status, problem.headers, problem.body())


Respond = Callable[[Reply], None]
"""Answers a request; to be called once, in the loop's thread."""


class Application(Protocol):
    """What answers the requests."""

    def admit(self, request: Request) -> int:
        """How many bytes the body may have, asked when the headers are there.

        Raises:
            ProblemError: when the request isn't served, whatever its body is.
        """

    def refuse(self, request: Request, problem: ProblemError) -> Reply:
        """The answer to a request that is not served."""

    def __call__(self, request: Request, respond: Respond) -> None:
        """Answer a request, now or later.

        Raises:
            ProblemError: in place of an answer.
        """
