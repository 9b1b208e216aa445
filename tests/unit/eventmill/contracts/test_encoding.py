"""Byte order marks and UTF-8."""

from __future__ import annotations

from codecs import BOM_UTF8

import pytest

from eventmill.contracts.encoding import check_utf8, without_bom


def test_one_mark_at_the_beginning_is_left_out() -> None:
    assert without_bom(BOM_UTF8 + b'{"a":1}') == b'{"a":1}'
    assert without_bom(b"{}" + BOM_UTF8) == b"{}" + BOM_UTF8
    assert without_bom(b"") == b""


@pytest.mark.parametrize("text", ["", "ascii", "téléphone", "手机 📱", "a\u0000b"])
def test_utf8_is_taken(text: str) -> None:
    check_utf8(text.encode())


@pytest.mark.parametrize("raw", [b"t\xe9l", b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", "é".encode()[:1]])
def test_anything_else_is_refused(raw: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        check_utf8(raw)
