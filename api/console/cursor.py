"""Cursors: a reader's position in several topics as one opaque text, which it gives back to read on."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from itertools import groupby
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from eventmill.config.errors import EventmillError

PATTERN = "^[A-Za-z0-9_-]+$"
LONGEST = 32_768
"""Characters of a cursor; what comes as a header or a query is bounded by API_HEADER_BYTES anyway."""

FOREIGN = "this is no cursor that an answer of this route had"

Partition = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Offset = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_decode = msgspec.json.Decoder(dict[str, dict[Partition, Offset]]).decode


class TopicPosition(NamedTuple):
    """One partition of a topic."""

    topic: str
    partition: int


Positions = Mapping[TopicPosition, int]
"""The offset that is to be read next in each partition."""


class CursorError(EventmillError, ValueError):
    """A text is no cursor."""


def encode_cursor(positions: Positions) -> str:
    """The cursor of these positions."""
    topics = groupby(sorted(positions.items()), lambda item: item[0].topic)
    offsets = {topic: {place.partition: offset for place, offset in items} for topic, items in topics}
    return urlsafe_b64encode(msgspec.json.encode(offsets)).decode().rstrip("=")


def decode_cursor(text: str) -> dict[TopicPosition, int]:
    """The positions of a cursor.

    Raises:
        CursorError: when it's none.
    """
    if len(text) > LONGEST:
        raise CursorError(f"a cursor has at most {LONGEST} characters")
    if not re.fullmatch(PATTERN, text):
        raise CursorError(FOREIGN)
    try:
        offsets = _decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise CursorError(FOREIGN) from error
    return {
        TopicPosition(topic, number): offset for topic, numbers in offsets.items() for number, offset in numbers.items()
    }
