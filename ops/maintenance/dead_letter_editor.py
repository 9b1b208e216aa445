"""Mending a rejected record's value: by single fields, or as a whole in the user's editor."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

import click
import msgspec

from eventmill.kafka.dead_letters import RejectedError


class FieldChange(NamedTuple):
    """A field's path and the value that it gets."""

    path: tuple[str, ...]
    value: Any


def parse_change(text: str) -> FieldChange:
    """The change in `field.path=value`; a value that is no JSON is text."""
    name, equals, value = text.partition("=")
    path = tuple(name.split("."))
    if not equals or not all(path):
        raise RejectedError(f"--set {text!r}: give field.path=value, such as context.source=mobile")
    try:
        return FieldChange(path, msgspec.json.decode(value))
    except (ValueError, RecursionError):
        return FieldChange(path, value)


def apply_changes(value: bytes, changes: Iterable[FieldChange]) -> bytes:
    """The JSON object with those fields set; objects on their paths are made where there are none.

    Raises:
        RejectedError: when the value is no JSON object, or a path goes through a field that is none.
    """
    try:
        event = msgspec.json.decode(value, type=dict[str, Any])
    except (ValueError, RecursionError) as error:
        raise RejectedError(
            "the value is no JSON object whose fields --set could change: leave it out to edit"
        ) from error
    for change in changes:
        _set(event, change)
    return msgspec.json.encode(event)


def _set(event: dict[str, Any], change: FieldChange) -> None:
    for depth, name in enumerate(change.path[:-1], 1):
        event = event.setdefault(name, {})
        if not isinstance(event, dict):
            raise RejectedError(f"--set {'.'.join(change.path)}: {'.'.join(change.path[:depth])} is no object")
    event[change.path[-1]] = change.value


def pretty(value: bytes) -> bytes:
    """The value for people: JSON is indented, anything else stays as it is."""
    return _formatted(value, 2)


def compact_json(value: bytes) -> bytes:
    """The value for Kafka: JSON in one line, anything else as it is."""
    return _formatted(value, -1)


def _formatted(value: bytes, indent: int) -> bytes:
    try:
        return msgspec.json.format(value, indent=indent)
    except (ValueError, RecursionError):
        return value


class Draft:
    """A value in a file that only its owner reads, which stays until it's done with."""

    def __init__(self, value: bytes, name: str) -> None:
        self.path = Path(mkdtemp(prefix="eventmill-")) / f"{name}.json"
        self.path.write_bytes(pretty(value) + b"\n")
        self._before = self.path.read_bytes()

    def edit(self) -> bytes | None:
        """Open it in the editor; returns what it is then, None when it's as it was at first.

        Raises:
            RejectedError: when the editor fails.
        """
        try:
            click.edit(filename=self.path)
        except click.ClickException as error:
            why = error.format_message()
            raise RejectedError(f"{why}; the text is in {self.path}, nothing was sent") from error
        text = self.path.read_bytes()
        return None if text == self._before else compact_json(text.strip())

    def done(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)
        self.path.parent.rmdir()
