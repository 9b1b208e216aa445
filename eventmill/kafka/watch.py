"""A topic's records as they come, for a terminal or as JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import msgspec

from eventmill.config.settings import Settings
from eventmill.kafka import topic_reader
from eventmill.text.printable import decoded


def watch_records(settings: Settings, topic: str, from_beginning: bool) -> Iterator[Any]:
    """The records of a topic as they come, from the first it holds or from now on; for ever."""
    with topic_reader.consumer(settings) as client:
        held = topic_reader.offset_ranges(client, topic)
        starts = {partition: limits.first if from_beginning else limits.end for partition, limits in held.items()}
        yield from chain.from_iterable(topic_reader.follow(client, topic, starts))


def headline(record: Any) -> str:
    """The record's partition, offset and time, its key, and its headers where it has any, as text."""
    time = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    place = f"{record.partition}@{record.offset} {time:%Y-%m-%d %H:%M:%S.%f}"[:-3]
    headers = "".join(f" {name}={decoded(value)}" for name, value in record.headers)
    return f"{place} key={decoded(record.key)}{headers}"


def record_json(record: Any) -> str:
    """The record as one line of JSON; a value that is JSON itself lies in it as such."""
    return msgspec.json.encode(
        {
            "partition": record.partition,
            "offset": record.offset,
            "time": datetime.fromtimestamp(record.timestamp / 1000, UTC),
            "key": value_text(record.key),
            "headers": {name: value_text(value) for name, value in record.headers},
            "value": _value(record.value),
        }
    ).decode()


def _value(value: bytes | None) -> Any:
    try:
        return msgspec.json.decode(value or b"null")
    except (ValueError, RecursionError):
        return value_text(value)


def value_text(value: bytes | None) -> str:
    """The bytes as text; what is not UTF-8 shows as escapes."""
    return "" if value is None else value.decode(errors="backslashreplace")
