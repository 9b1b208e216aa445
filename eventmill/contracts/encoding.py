"""Text encoding of events: a byte order mark is ignored, and everything is UTF-8, fields that no contract names too."""

from __future__ import annotations

from codecs import BOM_UTF8


def without_bom(data: bytes) -> bytes:
    """The content of a file, a request or a record without the byte order mark that it may begin with."""
    return data.removeprefix(BOM_UTF8)


def check_utf8(raw: bytes) -> None:
    """Refuse bytes that are not UTF-8; JSON decoders skip the values that nobody asks for unread.

    Raises:
        UnicodeDecodeError: at the first byte that is wrong.
    """
    if not raw.isascii():
        raw.decode()
