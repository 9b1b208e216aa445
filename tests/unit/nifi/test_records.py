"""Finding the objects in a file of any shape, and the broken pieces between them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nifi.records import MAX_RECORD, one_line, pieces

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
json_objects = st.lists(st.dictionaries(st.text(), json_values, max_size=4), min_size=1, max_size=8)


def found(data: bytes) -> list[bytes]:
    return [data[p.start : p.end] for p in pieces(data) if not p.reason]


def broken(data: bytes) -> list[tuple[int, bytes, str]]:
    return [(p.number, data[p.start : p.end], p.reason) for p in pieces(data) if p.reason]


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1}\n{"b":2}\n',
        b'{"a":1}\r\n{"b":2}\r\n',
        b'[{"a":1},{"b":2}]',
        b'[\n{"a":1},\n{"b":2}\n]\n',
        b'[{"a":1}]\n[{"b":2}]',
        b'{"a":1}{"b":2}',
        b'{"a":1}, {"b":2},',
        b'\xef\xbb\xbf[{"a":1},{"b":2}]',
    ],
)
def test_every_usual_shape_is_read(data: bytes) -> None:
    assert found(data) == [b'{"a":1}', b'{"b":2}']
    assert broken(data) == []


@settings(deadline=None, max_examples=60)
@given(json_objects, st.sampled_from([None, 1, 4, "\t"]), st.booleans())
def test_an_array_is_read_however_it_is_indented(objects: list[Any], indent: Any, ascii_only: bool) -> None:
    data = json.dumps(objects, indent=indent, ensure_ascii=ascii_only).encode(errors="replace")
    assert [json.loads(raw) for raw in found(data)] == json.loads(data)
    assert broken(data) == []


@settings(deadline=None, max_examples=60)
@given(json_objects)
def test_the_bytes_of_a_record_are_not_changed(objects: list[Any]) -> None:
    lines = [json.dumps(each).encode() for each in objects]
    assert found(b"\n".join(lines)) == lines


@settings(deadline=None, max_examples=60)
@given(json_objects, st.sampled_from([2, "\t"]))
def test_one_line_keeps_the_value(objects: list[Any], indent: Any) -> None:
    for each in objects:
        line = one_line(json.dumps(each, indent=indent).encode().replace(b"\n", b"\r\n"))
        assert json.loads(line) == each
        assert b"\n" not in line


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:\\ \n\ta1-é', max_size=60).map(str.encode))
def test_any_bytes_are_divided_without_loss(data: bytes) -> None:
    end = 0
    for number, piece in enumerate(pieces(data), 1):
        assert piece.number == number
        assert not data[end : piece.start].strip(b" \t\r\n,[]\xef\xbb\xbf")
        assert end <= piece.start <= piece.end
        assert piece.reason or isinstance(json.loads(data[piece.start : piece.end]), dict)
        end = piece.end
    assert not data[end:].strip(b" \t\r\n,[]\xef\xbb\xbf")


@pytest.mark.parametrize(
    "bad",
    [
        b'{"event":"ProductV',
        b'{"a": {"b": 1',
        b'{"a":1}}',
        b'{"a" 1}',
        b"{'a': 1}",
        b'{"a":NaN}',
        b"oops",
        b"null",
        b'"text"',
        b"[1,2]",
        b'{"a":"\xff"}',
        b'{"a":"tab\tinside"}',
        b"[" * 5_000,
        b'{"a":' * 5_000,
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_broken_line_takes_nothing_with_it(bad: bytes, end: bytes) -> None:
    good = [b'{"a":1}', b'{"b":{"c":[{"d":2}]}}']
    data = end.join([good[0], bad, good[1], bad])
    assert found(data) == good
    assert [raw for _, raw, _ in broken(data)] == [bad, bad]


@pytest.mark.parametrize(
    "bad",
    [b'{"b":{"x":1}', b'{"b":"x}', b"xx", b"5", b'{"b" 2}', b'{"b":2}xx', b'{"b":[{"c":1},{"c":2}]]}'],
)
def test_a_broken_element_of_an_array_on_one_line_takes_nothing_with_it(bad: bytes) -> None:
    data = b'[{"a":1},' + bad + b',{"c":3}, {"d":4}]'
    assert [json.loads(raw) for raw in found(data)] == [{"a": 1}, {"c": 3}, {"d": 4}]
    assert [raw for _, raw, _ in broken(data)] == [bad]


def test_a_broken_element_of_an_indented_array_takes_nothing_with_it() -> None:
    objects = [{"a": {"b": [{"c": 1}, {"c": 2}]}}, {"d": 1}, {"e": 2}]
    data = json.dumps(objects, indent=2).encode().replace(b'"b": [', b'"b" [')
    assert [json.loads(raw) for raw in found(data)] == objects[1:]
    assert len(broken(data)) == 1


def test_an_array_that_breaks_off_keeps_what_came_before() -> None:
    assert found(b'[{"a":1},{"b":2},{"c"') == [b'{"a":1}', b'{"b":2}']
    assert [raw for _, raw, _ in broken(b'[{"a":1},{"b":2},{"c"')] == [b'{"c"']
    assert broken(b'[{"a":1},') == [(2, b"", "the array breaks off: its closing bracket is missing")]


@pytest.mark.parametrize("data", [b"", b" \n\t\r\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_rejected_as_such(data: bytes) -> None:
    assert [reason for _, _, reason in broken(data)] == ["empty file"]


@pytest.mark.parametrize("data", [b"a,b\n1,2\n", b"\x89PNG\0\0{}\n{}", '{"a":1}'.encode("utf-16"), b",,"])
def test_a_file_that_is_not_json_is_rejected_as_a_whole(data: bytes) -> None:
    [(number, _, reason)] = broken(data)
    assert number == 1
    assert reason.startswith("not JSON")
    assert found(data) == []


def test_an_empty_array_is_no_error() -> None:
    assert list(pieces(b"[]")) == []


@pytest.mark.parametrize("size", [MAX_RECORD + 1, 5_000_000])
@pytest.mark.parametrize("shape", [b'{"a":1}\n%b\n{"b":2}', b'[{"a":1},%b,{"b":2}]'])
def test_a_record_that_is_too_long_is_rejected_alone(size: int, shape: bytes) -> None:
    long = b'{"x":"%b"}' % (b"x" * (size - 8))
    assert found(shape % long) == [b'{"a":1}', b'{"b":2}']
    assert broken(shape % long) == [(2, long, f"{size} bytes, more than the {MAX_RECORD} that a record may have")]


def test_the_longest_record_passes() -> None:
    long = b'{"x":"%b"}' % (b"x" * (MAX_RECORD - 8))
    assert found(long) == [long]


def test_a_line_of_50_mb_that_is_no_json_is_rejected_alone() -> None:
    data = b'{"a":1}\n' + b"x" * 50_000_000 + b'\n{"b":2}'
    assert found(data) == [b'{"a":1}', b'{"b":2}']
    assert len(broken(data)) == 1


def test_numbers_of_any_size_pass() -> None:
    data = b'{"a":1e400,"b":' + b"9" * 5_000 + b',"c":1.10}'
    assert found(data) == [data]


def test_records_are_found_across_the_borders_of_the_window() -> None:
    line = json.dumps({"text": "ä" * 5_000}, ensure_ascii=False).encode()
    data = b"[" + b",".join([line] * 1_000) + b"]"
    assert found(data) == [line] * 1_000
