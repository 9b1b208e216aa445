"""Dividing a file on the disk."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from nifi.messages import Message, from_envelopes
from nifi.records import MAX_RECORD
from nifi.separate import Origin, separate

ORIGIN = Origin("clicks.json", "1767225600000")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the folder for what is kept."""
    (tmp_path / "kept").mkdir()
    return tmp_path


def divide(folder: Path, content: bytes) -> tuple[tuple[int, int], bytes, list[Message]]:
    (folder / "in").write_bytes(content)
    counts = separate(folder / "in", folder / "good", folder / "bad", folder / "kept", ORIGIN)
    return counts, (folder / "good").read_bytes(), from_envelopes((folder / "bad").read_bytes())


def test_records_become_lines_and_broken_pieces_messages(folder: Path) -> None:
    counts, good, bad = divide(folder, b'[\n{"a":\n  1},\n oops \xff,\n{"b":2}]')
    assert counts == (2, 1)
    assert good == b'{"a":1}\n{"b":2}\n'
    [message] = bad
    assert message.value == b"oops \xff,"
    assert message.headers == [
        ("reason", b"broken JSON: Expecting value at byte 0"),
        ("source.file", b"clicks.json"),
        ("source.line", b"2"),
        ("source.time", b"1767225600000"),
    ]


def test_an_empty_file_is_one_rejected_piece(folder: Path) -> None:
    counts, good, [message] = divide(folder, b"")
    assert (counts, good, message.value) == ((0, 1), b"", b"")


def test_a_long_piece_is_cut_and_kept_whole(folder: Path) -> None:
    long = b"x" * (MAX_RECORD + 1)
    _, _, [message] = divide(folder, b'{"a":1}\n' + long)
    sha256 = hashlib.sha256(long).hexdigest()
    assert message.value == long[:MAX_RECORD]
    assert message.headers[-2:] == [("source.bytes", b"900001"), ("source.sha256", sha256.encode())]
    assert (folder / "kept" / f"clicks.json.2.{sha256[:16]}").read_bytes() == long


def test_doing_it_again_gives_the_same_files(folder: Path) -> None:
    content = b'{"a":1}\n' + b"x" * (MAX_RECORD + 1)
    first = divide(folder, content)
    names = sorted(path.name for path in folder.rglob("*"))
    assert divide(folder, content) == first
    assert sorted(path.name for path in folder.rglob("*")) == names
