r"""Text that others wrote, made safe for people's eyes: in a terminal, a log or a page.

Events, headers, file names and the messages of servers may hold anything. Control characters move the cursor, rewrite
the screen or forge a line; bidirectional ones turn the order of what is read; others cannot be seen at all. All of them
show as escapes such as `\x1b` and `\u202e`. Different texts stay different: a backslash that stands before what looks
like such an escape shows as `\x5c`. Machines get the text itself: JSON and CSV are never escaped here.
"""

from __future__ import annotations

import re

BACKSLASH = "\\"
ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")
BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Letters and marks by their category, but without a look of their own."""


def visible(text: str) -> str:
    """The text on one line, with escapes for all that cannot be seen as it is."""
    if text.isprintable() and BACKSLASH not in text and not any(c in text for c in BLANK):
        return text
    literal = ESCAPE.sub(_literal, text)
    return "".join(c if _is_seen(c) else _escape(c) for c in literal)


def decoded(raw: bytes | None) -> str:
    r"""The bytes as text for `visible`, which shows those that are not UTF-8 as `\udc80` to `\udcff`."""
    return "" if raw is None else raw.decode(errors="surrogateescape")


def visible_lines(text: str) -> str:
    """The text with its lines as they are, and each of them visible."""
    return "\n".join(map(visible, text.split("\n")))


def _is_seen(character: str) -> bool:
    return character.isprintable() and character not in BLANK


def _escape(character: str) -> str:
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _literal(found: re.Match[str]) -> str:
    """Text that looks like an escape of ours but was written so: with its backslash escaped."""
    number = int(next(filter(None, found.groups())), 16)
    character = chr(number) if number < 0x110000 else ""
    written = found[0]
    is_ours = character and (character == BACKSLASH or not _is_seen(character)) and _escape(character) == written
    return f"{_escape(BACKSLASH)}{written[1:]}" if is_ours else written
