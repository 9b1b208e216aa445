"""One HTTP exchange by ASGI: the request's head is checked, its body read within bounds, and one reply sent.

Framing, the size of the head and the time in which it must come are the server's; what is here no server does alike.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import lru_cache
from http import HTTPStatus
from ipaddress import AddressValueError, IPv6Address
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from api.http.messages import Reply, Request
from api.http.problems import ProblemError, too_large

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

DISCARDED_BYTES = 65_536
"""The longest body that is read to its end though its request is refused; with a longer one the connection ends."""

LINGER_SECONDS = 2.0
"""Seconds for which a refused client may go on sending, so that it reads why."""

LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
HOST = re.compile(rf"(?P<name>{LABEL}(\.{LABEL})*\.?|\[(?P<six>[0-9A-Fa-f:.]+)\])(:(?P<port>[0-9]{{0,5}}))?", re.ASCII)
LONGEST_HOST = 253
OLD = "1.0"
"""The version of HTTP whose clients need not name the host."""

LOOK_SECONDS = 0.25
"""Seconds between two looks for what is too late."""

Result = TypeVar("Result")


class Exchange:
    """A request and its answer. The body may be read once, and must be in before the deadline."""

    __slots__ = ("_deadline", "_late", "_more", "_receive", "_send", "request")

    def __init__(self, scope: Scope, receive: Receive, send: Send, deadline: Deadline) -> None:
        client = scope["client"]
        self.request = Request(scope["method"], "", "", _by_name(scope["headers"]), client[0] if client else "")
        self._receive = receive
        self._send = send
        self._deadline = deadline
        self._late = False
        self._more = "content-length" in self.request.headers or "transfer-encoding" in self.request.headers

    def check(self, scope: Scope) -> None:
        """Take the path and the query, and refuse a head that proxies and applications read differently.

        Raises:
            ProblemError: 400 for a Host header that is missing, double or malformed, and for a path or a query that
                is no UTF-8.
        """
        if scope["http_version"] != OLD or self.request.headers.get("host"):
            _check_host(self.request.headers.get("host", ""))
        raw = scope["raw_path"]
        self.request.path = _path(raw) if b"%" in raw else scope["path"]
        try:
            self.request.query = scope["query_string"].decode("ascii")
        except UnicodeDecodeError:
            raise ProblemError(HTTPStatus.BAD_REQUEST, "the query has bytes that must be escaped by %") from None

    async def read(self, limit: int) -> bytes:
        """The request's body, of at most `limit` bytes.

        Raises:
            ProblemError: 413 when it is longer, 408 when it does not come in time, 400 when it ends too early.
        """
        if not self._more:
            return b""
        given = self.request.headers.get("content-length")
        length = None if given is None else int(given)
        if length is not None and length > limit:
            raise too_large(limit)
        try:
            return await self._deadline.of(self._read(limit, length))
        except TimeoutError:
            self._late = True
            raise ProblemError(
                HTTPStatus.REQUEST_TIMEOUT, f"the request did not come within {self._deadline.seconds:g} s"
            ) from None

    async def _read(self, limit: int, length: int | None) -> bytes:
        parts, size = [], 0
        # To ask once more only to hear that this was all takes the server as long as all the rest.
        while self._more and size != length:
            message = await self._part()
            parts.append(message["body"])
            size += len(parts[-1])
            self._more = message["more_body"]
            if size > limit:
                raise too_large(limit)
        self._more = False
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _part(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._more = False
            raise ProblemError(HTTPStatus.BAD_REQUEST, "the body is malformed or ends too early")
        return message

    async def answer(self, reply: Reply) -> None:
        """Send the reply; what is left of the body of a refused request is taken in and discarded within bounds."""
        headers = [_header(name, value) for name, value in reply.headers.items()]
        headers.append((b"content-length", b"%d" % len(reply.body)))
        ends = self._more and self._is_never_read()
        if ends:
            headers.append((b"connection", b"close"))
        elif self._more:
            await self._discard()
        await self._send({"type": "http.response.start", "status": int(reply.status), "headers": headers})
        await self._send({"type": "http.response.body", "body": reply.body, "more_body": ends})
        if ends:
            await self._discard()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def _is_never_read(self) -> bool:
        """True when the connection is closed rather than the body read: it is long, late or of unknown length."""
        length = self.request.headers.get("content-length")
        return self._late or self._waits() or length is None or int(length) > DISCARDED_BYTES

    def _waits(self) -> bool:
        """True when the client sends its body only after an answer of 100 Continue."""
        return "expect" in self.request.headers

    async def _discard(self) -> None:
        if self._late or self._waits():
            return
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while self._more:
                    self._more = (await self._receive()).get("more_body", False)
        except TimeoutError:
            pass


class Deadline:
    """Cuts short what takes longer than `seconds`.

    One timer looks at all that is under way, for one of its own for each, as `asyncio.timeout` makes them, costs a
    request more than all checks of its head.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._begun: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def of(self, work: Awaitable[Result]) -> Result:
        """The result of the work.

        Raises:
            TimeoutError: when it does not come in time.
        """
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task
        self._begun[task] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(LOOK_SECONDS, self._look, loop)
        try:
            return await work
        except asyncio.CancelledError:
            if task not in self._late:
                raise
            task.uncancel()
            raise TimeoutError from None
        finally:
            del self._begun[task]
            self._late.discard(task)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        oldest = loop.time() - self.seconds
        for task, begun in self._begun.items():
            if begun < oldest and task not in self._late:
                self._late.add(task)
                task.cancel()
        self._timer = loop.call_later(LOOK_SECONDS, self._look, loop) if self._begun else None


def _by_name(headers: Headers) -> dict[str, str]:
    """The headers by their names in lower case; of several with one name, the values are joined by commas."""
    named: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        named[key] = f"{named[key]}, {text}" if key in named else text
    return named


@lru_cache(maxsize=256)
def _header(name: str, value: str) -> tuple[bytes, bytes]:
    return name.lower().encode("latin-1"), value.encode("latin-1")


@lru_cache(maxsize=1024)
def _check_host(host: str) -> None:
    """Refuse what is no single host with an optional port, for all routes alike.

    Raises:
        ProblemError: 400.
    """
    found = HOST.fullmatch(host)
    if not found or len(found["name"]) > LONGEST_HOST or int(found["port"] or 0) > 65_535 or not _is_six(found["six"]):
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, "the request needs one Host header: a name or an address, and a port"
        )


def _is_six(address: str | None) -> bool:
    try:
        return address is None or bool(IPv6Address(address))
    except AddressValueError:
        return False


@lru_cache(maxsize=1024)
def _path(raw: bytes) -> str:
    """The path without escapes.

    Raises:
        ProblemError: 400 when it is no UTF-8: two names must not become one.
    """
    try:
        return unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the path is no UTF-8 without its escapes") from None
