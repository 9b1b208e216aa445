"""Mending a value: fields by their paths, or in an editor."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eventmill.kafka.dead_letters import RejectedError
from ops.maintenance import dead_letter_editor
from ops.maintenance.dead_letter_editor import FieldChange


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("userid=user-1", FieldChange(("userid",), "user-1")),
        ("context.source=mobile", FieldChange(("context", "source"), "mobile")),
        ("cost=5", FieldChange(("cost",), 5)),
        ('cost="5"', FieldChange(("cost",), "5")),
        ("cost=null", FieldChange(("cost",), None)),
        ("cost=", FieldChange(("cost",), "")),
        ("User-Agent=a=b", FieldChange(("User-Agent",), "a=b")),
        ('properties={"productid":"p"}', FieldChange(("properties",), {"productid": "p"})),
    ],
)
def test_a_change_is_a_path_and_json_or_text(text: str, change: FieldChange) -> None:
    assert dead_letter_editor.parse_change(text) == change


@pytest.mark.parametrize("text", ["userid", "=5", "a..b=1", ".a=1", "a.=1"])
def test_what_is_no_change_is_named_with_how_it_should_be(text: str) -> None:
    with pytest.raises(RejectedError, match=r"give field\.path=value"):
        dead_letter_editor.parse_change(text)


def test_fields_are_set_and_the_others_stay() -> None:
    changes = [FieldChange(("b", "c"), 2), FieldChange(("d", "e"), 3), FieldChange(("a",), None)]
    assert (
        dead_letter_editor.apply_changes(b'{"a":1,"b":{"c":1,"x":1}}', changes)
        == b'{"a":null,"b":{"c":2,"x":1},"d":{"e":3}}'
    )


def test_a_path_through_a_field_that_is_no_object_is_refused() -> None:
    with pytest.raises(RejectedError, match=r"--set a\.b\.c: a\.b is no object"):
        dead_letter_editor.apply_changes(b'{"a":{"b":1}}', [FieldChange(("a", "b", "c"), 1)])


@pytest.mark.parametrize("value", [b"", b"[1]", b"{", b"\xff", b'"x"'])
def test_a_value_that_is_no_object_has_no_fields_to_set(value: bytes) -> None:
    with pytest.raises(RejectedError, match="no JSON object"):
        dead_letter_editor.apply_changes(value, [FieldChange(("a",), 1)])


def test_json_is_shown_in_lines_and_sent_in_one() -> None:
    assert dead_letter_editor.pretty(b'{"a":1.10}') == b'{\n  "a": 1.10\n}'
    assert dead_letter_editor.compact_json(b'{\n  "a": 1.10\n}') == b'{"a":1.10}'
    assert dead_letter_editor.pretty(b"\xff{") == dead_letter_editor.compact_json(b"\xff{") == b"\xff{"


def script(folder: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """Let the editor be that line of shell, which has the file as $1."""
    path = folder / "editor"
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o700)
    monkeypatch.setitem(os.environ, "VISUAL", str(path))


def test_what_the_editor_leaves_is_the_new_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path, monkeypatch, 'sed -i s/1/2/ "$1"')
    draft = dead_letter_editor.Draft(b'{"a":1}', "events-0-1")
    assert draft.edit() == b'{"a":2}'
    assert draft.path.read_bytes() == b'{\n  "a": 2\n}\n'
    draft.done()
    assert not draft.path.parent.exists()


def test_nothing_changed_is_no_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path, monkeypatch, "true")
    draft = dead_letter_editor.Draft(b"\xff{", "events-0-1")
    assert draft.edit() is None
    draft.done()


def test_an_editor_that_fails_keeps_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path, monkeypatch, "exit 3")
    draft = dead_letter_editor.Draft(b"{}", "events-0-1")
    with pytest.raises(RejectedError, match=rf"ailed.*; the text is in {draft.path}, nothing was sent"):
        draft.edit()
    assert draft.path.exists()
    draft.done()
