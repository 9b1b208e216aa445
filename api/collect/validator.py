"""Single events as they come in: checked by their contract, identity and time filled in where they are missing."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from time import time_ns
from typing import Any

import msgspec
from msgspec import UNSET
from uuid_utils import uuid4

from api.collect.publisher import OutgoingRecord
from api.collect.request_body import Limits, check_size
from eventmill.contracts import events
from eventmill.kafka.topics import Topic

CANONICAL = re.compile(events.UUID_TEXT).match
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """When a request came in: microseconds since 1970 and their text."""

    microseconds: int
    text: str

    @classmethod
    def now(cls) -> Receipt:
        """This moment."""
        microseconds = time_ns() // 1000
        second, fraction = divmod(microseconds, 1_000_000)
        return cls(microseconds, f"{_second(second)}.{fraction:06}Z")

    @property
    def moment(self) -> datetime:
        """The same as a time."""
        return EPOCH + timedelta(microseconds=self.microseconds)


@lru_cache(maxsize=2)
def _second(second: int) -> str:
    """The text of a second, which many requests share."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class Intake:
    """Takes the events of one topic."""

    def __init__(self, topic: Topic, limits: Limits) -> None:
        assert topic.contract is not None
        self._topic = topic.name
        self._contract = topic.contract
        self._decode: Callable[[bytes], Any] = events.decode_draft(topic.contract)
        self._key: Callable[[Any], str | int] = attrgetter(_attribute(topic.contract, topic.key))
        self._limits = limits

    def take(self, piece: bytes, receipt: Receipt) -> tuple[str, OutgoingRecord]:
        """The identity and the Kafka record of the event in the raw JSON, which has no blanks around it.

        What is missing is written in front of the event's other fields, which stay as they came.

        Raises:
            EventError: when it breaks its contract or is too large.
        """
        check_size(piece, self._limits)
        try:
            draft = self._decode(piece)
        except (ValueError, RecursionError) as error:
            raise events.broken(piece, _syntax_error(piece) or error) from error
        head, messageid = b"", None
        if draft.messageid is UNSET:
            messageid = str(uuid4())
            head = b'"messageid":"%b",' % messageid.encode()
        if draft.timestamp is UNSET:
            head += b'"timestamp":"%b",' % receipt.text.encode()
        else:
            events.check_time(draft, receipt.moment)
        # Every contract asks for more than these two, so that something follows the comma.
        value = b"{" + head + piece[1:] if head else piece
        record = OutgoingRecord(self._topic, str(self._key(draft)).encode(), value)
        return messageid or self._identity(draft, value, receipt), record

    def _identity(self, draft: Any, value: bytes, receipt: Receipt) -> str:
        """The messageid in its canonical form; the contract itself judges other forms."""
        if CANONICAL(draft.messageid):
            return draft.messageid  # type: ignore[no-any-return]
        return str(events.decode_event(self._contract, value, receipt.moment).messageid)


def _syntax_error(piece: bytes) -> Exception | None:
    """The syntax error that makes it no JSON at all; the contract's decoder may come to a wrong type before that."""
    try:
        msgspec.json.decode(piece)
    except (ValueError, RecursionError) as error:
        return error
    return None


def _attribute(contract: type, name: str) -> str:
    """The attribute that holds the field of that name in JSON."""
    return next(field.name for field in msgspec.structs.fields(contract) if field.encode_name == name)
