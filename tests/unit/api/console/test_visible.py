"""The pages' own way to show foreign text: the same as the command line's."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from eventmill.config.settings import ROOT
from eventmill.text.printable import visible, visible_lines

NODE = shutil.which("node")
MODULE = (ROOT / "api" / "static" / "visible.js").as_uri()
PROGRAM = f"""
import {{ lines, visible }} from {json.dumps(MODULE)};
let given = "";
for await (const part of process.stdin) given += part;
console.log(JSON.stringify(JSON.parse(given).map((text) => [visible(text), lines(text)])));
"""
TEXTS = [
    *map(chr, range(0x250)),
    *map(chr, [*range(0x2000, 0x2070), 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x2800, 0x3000, 0x3164, 0xFEFF, 0xFFA0]),
    *("\ud800", "\udfff", "\ue000", "\U000e0041", "📱", "手机", "é", "a\ud83db", "two\nlines\r\n"),
    *(r"\x1b", r"\x5c", r"\\x1b", r"\u202e \u00e9 \U000e0041 \Uffffffff \x1B", "\\\x1b", r'{"a": "\n\""}'),
]


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_a_page_shows_text_as_the_command_line_does() -> None:
    command = [str(NODE), "--input-type=module", "--eval", PROGRAM]
    done = subprocess.run(command, input=json.dumps(TEXTS), capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == [[visible(text), visible_lines(text)] for text in TEXTS]
