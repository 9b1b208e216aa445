"""Request bodies: decompressed within bounds, and divided into the raw JSON of single events."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus

import msgspec

from api.http.problems import ProblemError, too_large
from eventmill.config.settings import Settings
from eventmill.contracts.events import EventError

JSON = "application/json"
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
ENCODINGS = ("identity", "gzip")
GZIP = 16 + zlib.MAX_WBITS
BLANK = b" \t\r\n"
MARK = "\ufeff".encode()
"""A byte order mark, which some editors write in front of UTF-8."""

STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
OPENING, CLOSING = b"{[", b"}]"


@dataclass(frozen=True)
class Limits:
    """Limits of a request: bytes of one event and of a batch, events of a batch, levels of JSON."""

    event_bytes: int
    batch_bytes: int
    batch_events: int
    nesting: int

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """The limits of the settings."""
        return cls(settings.api_event_bytes, settings.api_batch_bytes, settings.api_batch_events, settings.api_nesting)


@lru_cache(maxsize=64)
def encoding(header: str | None) -> str:
    """The body's compression, from Content-Encoding.

    Raises:
        ProblemError: 415, when it's none of ENCODINGS.
    """
    name = (header or "identity").strip().lower()
    if name not in ENCODINGS:
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Encoding is {header}; it must be {' or '.join(ENCODINGS)}",
            {"Accept-Encoding": ", ".join(ENCODINGS)},
        )
    return name


def plain(body: bytes, encoding: str, limit: int) -> bytes:
    """The body decompressed, of at most `limit` bytes.

    Raises:
        ProblemError: 400 when it's no gzip, 413 when it's longer.
    """
    if encoding == "gzip":
        body = _gunzip(body, limit)
    if len(body) > limit:
        raise too_large(limit)
    return body


def _gunzip(body: bytes, limit: int) -> bytes:
    parts, room = [], limit + 1
    try:
        while body and room > 0:
            member = zlib.decompressobj(GZIP)
            parts.append(member.decompress(body, room))
            room -= len(parts[-1])
            if not member.eof and room > 0:
                raise zlib.error("it ends too early")
            body = member.unused_data
    except zlib.error as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"the body is no gzip: {error}") from None
    return b"".join(parts)


def unmarked(body: bytes) -> bytes:
    """The body without a byte order mark and without blanks around it."""
    return body.removeprefix(MARK).strip(BLANK)


def split_body(body: bytes, content_type: str | None, limits: Limits) -> list[bytes]:
    """The raw JSON of each event: of one object, of an array's elements, or of the lines of NDJSON that aren't blank.

    The body decides which it is, for browsers and tools send JSON under many types; only NDJSON that is declared is
    taken for lines whatever they hold. A body that is no JSON is one piece.

    Raises:
        ProblemError: 400 when there is no event, 413 when there are too many.
    """
    body = unmarked(body)
    found = _lines(body) if _is_lines(body, content_type) else _elements(body)
    if not found:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the body holds no event")
    if len(found) > limits.batch_events:
        raise ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{len(found)} events; a request may have {limits.batch_events}"
        )
    return found


def _is_lines(body: bytes, content_type: str | None) -> bool:
    """True if each line is an event: it is declared, or the first of several lines is a JSON object by itself."""
    first, more, _ = body.partition(b"\n") if b"\n" in body else (b"", b"", b"")
    return bool(more) and (_declares_lines(content_type) or (first.startswith(b"{") and _is_json(first)))


@lru_cache(maxsize=64)
def _declares_lines(content_type: str | None) -> bool:
    return (content_type or "").partition(";")[0].strip().lower() in NDJSON


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (ValueError, RecursionError):
        return False
    return True


def _lines(body: bytes) -> list[bytes]:
    return [line for line in (line.strip(BLANK) for line in body.split(b"\n")) if line]


def _elements(body: bytes) -> list[bytes]:
    if not body.startswith(b"["):
        return [body] if body else []
    try:
        return [bytes(element) for element in msgspec.json.decode(body, type=list[msgspec.Raw])]
    except (ValueError, RecursionError):
        return [body]


def check_size(piece: bytes, limits: Limits) -> None:
    """Refuse an event that is too long or nested too deeply.

    Raises:
        EventError: saying what is allowed.
    """
    if len(piece) > limits.event_bytes:
        raise EventError(f"{len(piece)} bytes; an event may have {limits.event_bytes}")
    # No piece is deeper than it has brackets, in texts too; so only few are looked at closely.
    if piece.count(b"{") + piece.count(b"[") > limits.nesting and _depth(piece) > limits.nesting:
        raise EventError(f"JSON is nested more than {limits.nesting} levels deep")


def _depth(piece: bytes) -> int:
    depth = deepest = 0
    for byte in STRING.sub(b"", piece):
        if byte in OPENING:
            depth += 1
            deepest = max(deepest, depth)
        elif byte in CLOSING:
            depth -= 1
    return deepest
