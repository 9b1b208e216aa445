"""What tests of this package share."""

from __future__ import annotations

from hypothesis import strategies as st

TROUBLE = [
    *(
        "[/b]",
        "[red]",
        "[link=x]",
        "\\[",
        ":smile:",
        "<b>",
        "|",
        "  ",
        "\x00",
        "\r",
        "\n",
        "\u2028",
        "\u202e",
        "\u200f",
    ),
    *("\x1b[2J", "\x1b]8;;http://x\x1b\\", "\x9b31m", "\ud800", "\udcff", "\\x1b", "\\u202e", "\\"),
]
"""Rich's markup, line ends, bidirectional controls, terminal sequences, half characters, what looks like an escape."""

HIDDEN = [character for character in map(chr, range(0x3000)) if not character.isprintable()]


def any_text() -> st.SearchStrategy[str]:
    """Any text, with more of what troubles a terminal than comes by chance."""
    anything = st.integers(0, 0x10FFFF).map(chr)
    return st.lists(st.one_of(st.sampled_from(TROUBLE), st.sampled_from(HIDDEN), anything), max_size=12).map("".join)
