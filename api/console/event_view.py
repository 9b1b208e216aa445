"""Events as the console shows them: what a topic holds, cut to a length that a page can take."""

from __future__ import annotations

from typing import Any

import msgspec

from eventmill.kafka import topics
from eventmill.kafka.dead_letters import REPLAYED, general

LONGEST_TEXT = 8_000
LONGEST_HEADER = 500
MOST_HEADERS = 20


class Seen(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event of a topic, or one that was rejected.

    Attributes:
        topic: the topic that it was meant for.
        partition: where it lies, there or in the topic of the rejected ones; so `offset`.
        time: when Kafka got it, in milliseconds since 1970.
        bytes: how long it is.
        text: the event, as it came; bytes that are no UTF-8 are replaced.
        cut: whether `text` is its beginning only.
        key: the key of its record.
        reason: why it was rejected; an accepted one has none.
        kind: the reason without the place at which it was found, to count by.
        headers: where a rejected one came from.
    """

    topic: str
    partition: int
    offset: int
    time: int
    bytes: int
    text: str
    cut: bool = False
    key: str | None = None
    reason: str | None = None
    kind: str | None = None
    headers: dict[str, str] = msgspec.field(default_factory=dict)


def seen(message: Any) -> Seen | None:
    """The event that a message of librdkafka holds; None for a marker, which says that one was replayed."""
    topic, value = message.topic(), message.value() or b""
    headers = {name: raw or b"" for name, raw in message.headers() or []}
    meant_for = topic.removesuffix(topics.rejected(""))
    rejected = meant_for != topic
    if rejected and REPLAYED[-1] in headers:
        return None
    reason = _text(headers.pop("reason", b"no reason given")) if rejected else None
    return Seen(
        topic=meant_for,
        partition=message.partition(),
        offset=message.offset(),
        time=message.timestamp()[1],
        bytes=len(value),
        text=_text(value, LONGEST_TEXT),
        cut=len(value) > LONGEST_TEXT,
        key=None if message.key() is None else _text(message.key()),
        reason=reason,
        kind=reason and general(reason),
        headers={name[:LONGEST_HEADER]: _text(raw) for name, raw in [*headers.items()][:MOST_HEADERS]},
    )


def _text(raw: bytes, longest: int = LONGEST_HEADER) -> str:
    """The beginning of what may be any bytes."""
    return raw[:longest].decode(errors="replace")
