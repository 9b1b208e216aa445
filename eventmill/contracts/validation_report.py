"""Validation report of a broken value: each field with the value found, the type allowed, and its fault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import msgspec
from msgspec import Raw, inspect

from eventmill.contracts import events
from eventmill.contracts.encoding import without_bom
from eventmill.contracts.events import Event, EventError

LONGEST_FOUND = 80


@dataclass(frozen=True)
class FieldReport:
    """One field that the contract names.

    Attributes:
        path: such as `context.source`.
        found: the start of its JSON; None when it's missing.
        allowed: in words.
        fault: why it breaks the contract; None when it doesn't.
    """

    path: str
    found: str | None
    allowed: str
    fault: str | None = None


@dataclass
class ValidationReport:
    """A value against a contract.

    Attributes:
        fields: all that the contract names, none when the value is no JSON object.
        unknown: the paths of those that it doesn't name.
        whole: why the value as a whole breaks the contract; None when it doesn't.
    """

    fields: list[FieldReport] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    whole: str | None = None

    def faults(self) -> list[str]:
        """Everything that is to blame, each with its reason."""
        of_fields = [f"{found.path}: {found.fault}" for found in self.fields if found.fault]
        return of_fields + ([self.whole] if self.whole else [])


def validate(contract: type[Event], value: bytes, received: datetime) -> ValidationReport:
    """The value, which was received at that time, against the contract."""
    comparison, value = _Comparison(contract), without_bom(value)
    try:
        fields = _fields(value)
    except (ValueError, RecursionError) as error:
        return ValidationReport(whole=_whole(contract, value, received) and str(events.broken(value, error)))
    comparison.struct(contract, fields, "")
    comparison.rules(received)
    result = comparison.result
    if not result.faults():
        result.whole = _whole(contract, value, received)
    return result


def _fields(value: bytes) -> dict[str, Raw]:
    """The fields of a JSON object, each as it is written there, after a look at the syntax of all."""
    msgspec.json.decode(value)
    return msgspec.json.decode(value, type=dict[str, Raw])


def _whole(contract: type[Event], value: bytes, received: datetime) -> str | None:
    """The contract's own word, in case its parts find no fault."""
    try:
        events.decode_event(contract, value, received)
    except EventError as error:
        return str(error)
    return None


class _Comparison:
    """Checks each field by itself and keeps those that are right, for the rules that look at several."""

    def __init__(self, contract: type[Event]) -> None:
        self.result = ValidationReport()
        self._contract = contract
        self._right: dict[str, Any] = {}

    def struct(self, struct: type, fields: Mapping[str, Raw], prefix: str) -> None:
        """Check the fields of an object at that path."""
        declared = msgspec.structs.fields(struct)
        for one in declared:
            self._field(one, fields.get(one.encode_name), prefix)
        names = {one.encode_name for one in declared}
        self.result.unknown += [f"{prefix}{name}" for name in fields if name not in names]

    def _field(self, declared: msgspec.structs.FieldInfo, raw: Raw | None, prefix: str) -> None:
        path, kind = f"{prefix}{declared.encode_name}", declared.type
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and self._nested(kind, raw, path):
            return
        value, fault = declared.default, None
        if raw is not None:
            value, fault = _decoded(raw, kind, strict=not self._contract.unix_time)
        elif declared.required:
            fault = "missing"
        if fault is None and not prefix:
            self._right[declared.name] = value
        allowed = words(inspect.type_info(kind)) + ("" if declared.required else "; may be missing")
        self.result.fields.append(FieldReport(path, None if raw is None else _short(raw), allowed, fault))

    def _nested(self, kind: type, raw: Raw | None, path: str) -> bool:
        """Check the fields of an object in a field; False when there is no object."""
        try:
            fields = _fields(bytes(raw or b""))
        except (ValueError, RecursionError):
            return False
        self.struct(kind, fields, f"{path}.")
        return True

    def rules(self, received: datetime) -> None:
        """Check what the contract says beyond the types of single fields."""
        event = SimpleNamespace(**self._right)
        if hasattr(event, "timestamp"):
            self._rule(lambda: events.check_time(event, received, events.json_name(self._contract, "timestamp")))
        if hook := getattr(self._contract, "__post_init__", None):
            self._rule(lambda: hook(event))

    def _rule(self, rule: Any) -> None:
        """Find what a rule blames; it cannot be judged when it looks at a field that is wrong already."""
        try:
            rule()
        except EventError as error:
            self._blame(error.field, error.reason)
        except ValueError as error:
            name, _, reason = str(error).partition(": ")
            self._blame(name, reason)
        except AttributeError:
            return

    def _blame(self, path: str | None, reason: str) -> None:
        for number, found in enumerate(self.result.fields):
            if found.path == path:
                self.result.fields[number] = FieldReport(found.path, found.found, found.allowed, reason)
                return
        self.result.whole = f"{path}: {reason}"


def _decoded(raw: Raw, kind: Any, *, strict: bool) -> tuple[Any, str | None]:
    """Decoded value of a field, or its fault."""
    try:
        return msgspec.json.decode(raw, type=kind, strict=strict), None
    except (ValueError, RecursionError) as error:
        return None, str(events.broken(bytes(raw), error))


def _short(raw: Raw) -> str:
    text = bytes(raw).decode(errors="backslashreplace")
    return text if len(text) <= LONGEST_FOUND else f"{text[:LONGEST_FOUND]}…"


def words(kind: inspect.Type) -> str:
    """A type in words, as a report shows it."""
    if isinstance(kind, inspect.UnionType):
        return ", or ".join(words(one) for one in kind.types)
    return next(_words(kind))


def _words(kind: inspect.Type) -> Iterator[str]:
    """The first that fits: the contract's own description, or one made of the type."""
    if isinstance(kind, inspect.Metadata):
        described = (kind.extra_json_schema or {}).get("description")
        inner = words(kind.type)
        yield f"{inner.partition(' of ')[0]}, {described}" if described else inner
    if isinstance(kind, inspect.LiteralType):
        yield " or ".join(str(value) for value in kind.values)
    if isinstance(kind, inspect.IntType):
        yield "a whole number" if kind.ge is None or kind.ge < 0 else f"a whole number from {kind.ge}"
    yield PLAIN.get(type(kind), "a value")


PLAIN: dict[type[inspect.Type], str] = {
    inspect.StrType: "text",
    inspect.FloatType: "a number",
    inspect.BoolType: "true or false",
    inspect.UUIDType: "a UUID",
    inspect.DateTimeType: "a time such as 2026-01-31 23:59:59",
    inspect.StructType: "an object",
    inspect.NoneType: "null",
    inspect.AnyType: "anything",
}
