"""Turns the content of a FlowFile into Kafka messages."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any

# Numbers of any size: a whole one may be a key and stays as it is written, others are not needed.
_DECODER = json.JSONDecoder(parse_float=bool, parse_int=str)


@dataclass(frozen=True, slots=True)
class Message:
    """One Kafka message."""

    value: bytes
    key: bytes | None = None
    headers: list[tuple[str, bytes]] = field(default_factory=list)


def from_records(content: bytes, key_field: str) -> list[Message]:
    """A message for each JSON line; its key is the line's field of that name, a text or a whole number."""
    return [Message(line, _key(line, key_field)) for line in content.split(b"\n") if line]


def from_envelopes(content: bytes) -> list[Message]:
    """A message for each line that `nifi.separate` wrote for a broken piece."""
    return [_from_envelope(json.loads(line)) for line in content.split(b"\n") if line]


def stamped(content: bytes, now: str) -> bytes:
    """JSON lines in which every record has a `timestamp`; one that is there stays, whatever it holds."""
    return b"".join(_stamped(line, f'"timestamp":"{now}"}}'.encode()) for line in content.split(b"\n") if line)


def _stamped(line: bytes, field_and_end: bytes) -> bytes:
    record = _decode(line)
    if "timestamp" in record:
        return line + b"\n"
    return line[:-1] + (b"," if record else b"") + field_and_end + b"\n"


def _key(line: bytes, key_field: str) -> bytes | None:
    value = _decode(line).get(key_field)
    return value.encode(errors="replace") if isinstance(value, str) and value else None


def _decode(line: bytes) -> dict[str, Any]:
    record: dict[str, Any] = _DECODER.decode(line.decode())
    return record


def _from_envelope(envelope: dict[str, Any]) -> Message:
    headers = [(name, text.encode()) for name, text in envelope["headers"].items()]
    return Message(b64decode(envelope["value"]), None, headers)
