"""Single events as they come in: checked by their contract, identity and time filled in where they are missing."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec
from msgspec import UNSET

from api.bodies import BLANK, Limits, check_size
from eventmill import events
from eventmill.topics import Topic

CANONICAL = re.compile(events.UUID_TEXT).match


class Receipt(NamedTuple):
    """When a request came in: the moment, and its text as it's written into events that have no time."""

    moment: datetime
    text: str

    @classmethod
    def now(cls) -> Receipt:
        """This moment, in whole microseconds."""
        moment = datetime.now(UTC)
        return cls(moment, f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z")


class Taken(NamedTuple):
    """An event that keeps its contract: its identity, and the key and value of its Kafka record."""

    messageid: str
    key: bytes
    value: bytes


class Intake:
    """Takes the events of one topic."""

    def __init__(self, topic: Topic, limits: Limits) -> None:
        assert topic.contract is not None
        self._contract = topic.contract
        self._decode: Callable[[bytes], Any] = events.decode_draft(topic.contract)
        self._key: Callable[[Any], str] = attrgetter(_attribute(topic.contract, topic.key))
        self._limits = limits

    def take(self, piece: bytes, receipt: Receipt) -> Taken:
        """The event in the raw JSON.

        Raises:
            EventError: when it breaks its contract or is too large.
        """
        check_size(piece, self._limits)
        try:
            draft = self._decode(piece)
        except (ValueError, RecursionError) as error:
            raise events.broken(piece, _syntax_error(piece) or error) from error
        if draft.timestamp is not UNSET:
            events.check_time(draft, receipt.moment)
        key = self._key(draft).encode()
        if draft.messageid is not UNSET and draft.timestamp is not UNSET:
            return Taken(self._identity(draft, piece, receipt), key, piece)
        return self._fill(piece, draft, key, receipt)

    def _identity(self, draft: Any, piece: bytes, receipt: Receipt) -> str:
        """The messageid in its canonical form; the contract itself judges other forms."""
        if CANONICAL(draft.messageid):
            return draft.messageid  # type: ignore[no-any-return]
        return str(events.decode(self._contract, piece, receipt.moment).messageid)

    def _fill(self, piece: bytes, draft: Any, key: bytes, receipt: Receipt) -> Taken:
        """The event with what is missing written in front of its other fields, which stay as they came."""
        rest = piece.lstrip(BLANK)[1:]
        comma = b"" if rest.lstrip(BLANK).startswith(b"}") else b","
        time = b"" if draft.timestamp is not UNSET else b'"timestamp":"%b"' % receipt.text.encode()
        if draft.messageid is not UNSET:
            value = b"{%b%b%b" % (time, comma, rest)
            return Taken(self._identity(draft, value, receipt), key, value)
        messageid = str(uuid4())
        return Taken(
            messageid, key, b'{"messageid":"%b"%b%b%b%b' % (messageid.encode(), time and b",", time, comma, rest)
        )


def _syntax_error(piece: bytes) -> Exception | None:
    """What makes it no JSON at all, which the contract's decoder may come to later than to a wrong type."""
    try:
        msgspec.json.decode(piece)
    except (ValueError, RecursionError) as error:
        return error
    return None


def _attribute(contract: type, name: str) -> str:
    """The attribute that holds the field of that name in JSON."""
    return next(field.name for field in msgspec.structs.fields(contract) if field.encode_name == name)
