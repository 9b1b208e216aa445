"""Finds the JSON objects in a file of any shape, and the broken pieces between them.

A file may be a JSON array, JSON lines, one object or several one after another, on one line or pretty-printed, with or
without a byte order mark. The bytes of an object are never changed. A broken piece ends where the next element
begins, so that it takes nothing else with it.
"""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap
from typing import Any

Data = bytes | mmap

MAX_RECORD = 900_000
"""The longest record in bytes: Kafka's own limit is 1 MiB a message, headers and timestamp included."""

# Bytes looked at from where an element begins: first few, since an error is dear in a long text, then enough.
_FEW, _MANY = 1 << 16, 1 << 20
_REST = 1 << 13  # how far after an error the bracket may be that closes the element
_GAP = re.compile(rb"[ \t\r\n,]*+")
_SPACE = re.compile(rb"[ \t\r\n]*+")
_OBJECTS = re.compile(rb"\[[ \t\r\n]*+\{")
_DELIMITER = re.compile(rb"[ \t\r]*+(?:[,\n{\[]|\Z)")
_DELIMITER_IN_ARRAY = re.compile(rb"[ \t\r]*+(?:[,\n{\[\]]|\Z)")
# No possessive groups: Python before 3.11.5 loses its place in them.
_STRING = rb'"[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*"'
_BRACKET = re.compile(_STRING + rb'|[{}\[\]\n"]')
_CLOSES = {b"}": b"{", b"]": b"["}
_NEXT_OBJECT = re.compile(rb"(?=,[ \t\r]*\{)|\}(?=[ \t\r]*\{)|\n")
_JSON_TYPES = {list: "an array", str: "a string", bool: "a number or boolean", type(None): "null"}


@dataclass(frozen=True, slots=True)
class Piece:
    """One element of a file: the `number`th (from 1), the bytes from `start` to `end`; a record if without `reason`."""

    number: int
    start: int
    end: int
    reason: str = ""


def pieces(data: Data) -> Iterator[Piece]:
    """Every element of the file in order; memory does not grow with the file when `data` is an mmap."""
    return _Reader(data).read()


def one_line(raw: bytes) -> bytes:
    """The object without the line breaks and indentation between its tokens (strings cannot hold a raw line break)."""
    return re.sub(rb"[ \t]*[\r\n]+[ \t\r\n]*", b"", raw) if b"\n" in raw or b"\r" in raw else raw


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


# Numbers need no value here, only their extent, so bool keeps any of them cheap.
_DECODER = json.JSONDecoder(parse_float=bool, parse_int=bool, parse_constant=_refuse)


class _BrokenError(Exception):
    """An element cannot be read; `at` is the byte in the file where that was seen."""

    def __init__(self, reason: str, at: int, cut: bool = False) -> None:
        super().__init__(reason)
        self.at = at
        self.cut = cut


class _Reader:
    """Reads one file from front to back."""

    def __init__(self, data: Data) -> None:
        self._data = data
        self._size = len(data)
        self._base = 0
        self._text = ""
        self._in_array = False
        self._bracketed = False

    def read(self) -> Iterator[Piece]:
        begin = len(BOM_UTF8) if self._data[: len(BOM_UTF8)] == BOM_UTF8 else 0
        if self._skip(_SPACE, begin) == self._size:
            yield Piece(1, begin, self._size, "empty file")
        elif reason := self._not_json(begin):
            yield Piece(1, begin, self._size, reason)
        else:
            yield from self._elements(begin)

    def _elements(self, position: int) -> Iterator[Piece]:
        first = self._skip(_GAP, position)
        self._bracketed = self._data[first : first + 1] == b"["
        number = 0
        broken = False
        while (position := self._skip(_GAP, position)) < self._size:
            if self._bracket(position):
                self._in_array = not self._in_array
                position += 1
                continue
            number += 1
            end, reason = self._element(position)
            broken = bool(reason)
            yield Piece(number, position, end, reason)
            position = end
        if self._in_array and not broken:
            yield Piece(number + 1, self._size, self._size, "the array breaks off: its closing bracket is missing")

    def _bracket(self, position: int) -> bool:
        """True if an array of elements begins or ends here; one of no objects among JSON lines is a broken line."""
        if self._in_array:
            return self._data[position : position + 1] == b"]"
        begins = self._data[position : position + 1] == b"["
        return begins and (self._bracketed or bool(_OBJECTS.match(self._data, position)))

    def _not_json(self, begin: int) -> str:
        """Why the file as a whole is rejected; empty when it is to be read element by element."""
        start = self._skip(_GAP, begin)
        if start == self._size:
            return "not JSON: only commas"
        if self._data[start : start + 1] in (b"{", b"["):
            return ""
        if b"\0" in self._data[begin : begin + 8192]:
            return "not JSON: binary data, or text that is not UTF-8"
        if self._data.find(b"{") >= 0:
            return ""
        try:
            self._value(start)
        except _BrokenError as error:
            return f"not JSON: {error}"
        return ""

    def _element(self, start: int) -> tuple[int, str]:
        """End of the element at `start`, and the reason why it is no record (empty when it is one)."""
        try:
            kind, end = self._value(start)
        except _BrokenError as error:
            end = self._end_of_long(start) if error.cut else self._end_of_broken(start, error.at)
            if error.cut and end - start > MAX_RECORD:
                return end, _too_long(end - start)
            return end, f"broken JSON: {error} at byte {max(0, error.at - start)}"
        if end - start > MAX_RECORD:
            return end, _too_long(end - start)
        if kind is not dict:
            return end, f"not an object but {_JSON_TYPES[kind]}"
        return end, _utf8_error(self._data[start:end])

    def _value(self, start: int) -> tuple[type, int]:
        """The type and end of the JSON value at `start`.

        Raises:
            _BrokenError: it is no JSON, or something else than a delimiter follows it.
        """
        self._look_at(start, _FEW)
        try:
            value, end = self._decode(start)
        except _BrokenError as error:
            if not error.cut:
                raise
            self._look_at(start, _MANY)
            value, end = self._decode(start)
        if not self._delimited(end):
            raise _BrokenError("something follows the value", end)
        return type(value), end

    def _decode(self, start: int) -> tuple[Any, int]:
        try:
            value, end = _DECODER.raw_decode(self._text, start - self._base)
        except json.JSONDecodeError as error:
            cut = error.pos >= len(self._text) or error.msg.startswith("Unterminated string")
            cut = cut and self._base + len(self._text) < self._size
            message = error.msg.removesuffix(" at").removesuffix(" starting")
            raise _BrokenError(message, self._base + error.pos, cut) from None
        except ValueError as error:
            raise _BrokenError(str(error), start) from None
        except RecursionError:
            raise _BrokenError("nested too deeply", start) from None
        return value, end + self._base

    def _look_at(self, start: int, ahead: int) -> None:
        """Let the window hold at least `ahead` bytes from `start`; Latin-1, so that a character is a byte."""
        end = self._base + len(self._text)
        if start < self._base or (end < self._size and end - start < ahead):
            self._base = start
            self._text = str(self._data[start : start + 2 * ahead], "latin-1")

    def _skip(self, pattern: re.Pattern[bytes], position: int) -> int:
        found = pattern.match(self._data, position)
        return found.end() if found else position

    def _delimited(self, end: int) -> bool:
        delimiter = _DELIMITER_IN_ARRAY if self._in_array or self._bracketed else _DELIMITER
        return bool(delimiter.match(self._data, end))

    def _end_of_broken(self, start: int, error: int) -> int:
        """End of a broken element: at its bracket, else before the next object, else with its (indented) lines."""
        closed = self._closing_bracket(start, error + _REST, one_line=True)
        if closed and self._delimited(closed):
            return closed
        line = self._data.rfind(b"\n", max(0, start - 4096), start) + 1
        before = self._data[line:start] if line or start < 4096 else b"..."
        if before.strip(b" \t\r,") and (end := self._before_next_object(start, error)):
            return end
        column = len(before) if not before.strip(b" \t[") else len(before) - len(before.lstrip(b" \t"))
        return self._end_of_lines(start, column)

    def _before_next_object(self, start: int, error: int) -> int:
        """Start of the next object on the same line; 0 when there is none."""
        # A string without its end swallows what follows, so the last one before the error is looked into.
        strings = [s.start() for s in _BRACKET.finditer(self._data, start, error) if len(s.group()) > 1]
        found = _NEXT_OBJECT.search(self._data, strings[-1] if strings else max(start + 1, error - 1))
        return found.end() if found and found.group() != b"\n" else 0

    def _end_of_lines(self, start: int, column: int) -> int:
        """The end of the line and of the lines below it that are indented deeper, with a closing brace after them."""
        end = self._data.find(b"\n", start)
        if end < 0:
            return self._size
        deeper = re.compile(rb"(?:\n[ \t]{%d,}[^\n]*|\n[ \t\r]*(?=\n))*" % (column + 1))
        end = self._skip(deeper, end)
        end = self._skip(re.compile(rb"\n[ \t]{0,%d}\}" % column), end)
        return end - (self._data[end - 1 : end] == b"\r")

    def _end_of_long(self, start: int) -> int:
        """End of an element that is longer than the window: at its bracket, else with its line."""
        if closed := self._closing_bracket(start, self._size, one_line=False):
            return closed
        end = self._data.find(b"\n", start)
        return self._size if end < 0 else end

    def _closing_bracket(self, start: int, limit: int, *, one_line: bool) -> int:
        """The position after the bracket that closes the one at `start`; 0 when there is none before `limit`."""
        if self._data[start : start + 1] not in (b"{", b"["):
            return 0
        opened: list[bytes] = []
        for found in _BRACKET.finditer(self._data, start, min(limit, self._size)):
            token = found.group()
            if token in (b"{", b"["):
                opened.append(token)
            elif token in _CLOSES:
                if opened.pop() != _CLOSES[token]:
                    return 0
            elif token == b'"' or (token == b"\n" and one_line):
                return 0
            if not opened:
                return found.end()
        return 0


def _too_long(size: int) -> str:
    return f"{size} bytes, more than the {MAX_RECORD} that a record may have"


def _utf8_error(raw: bytes) -> str:
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return f"invalid UTF-8 at byte {error.start}"
    return ""
