"""Files that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventmill.config.atomic_files import staged


def test_the_file_appears_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "file"
    with staged(target) as file:
        file.write(b"new")
        assert not target.exists()
    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


def fail_within(target: Path) -> None:
    with staged(target) as file:
        file.write(b"new")
        raise RuntimeError


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError):
        fail_within(target)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]
