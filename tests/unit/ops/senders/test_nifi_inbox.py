"""Sending files: each content once, whatever happens in between."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from eventmill.config.settings import Settings
from ops.senders import nifi_inbox
from tests.support import settings


class PowerCutError(Exception):
    """Takes the place of a kill at that moment."""


@pytest.fixture
def values(tmp_path: Path) -> Settings:
    """Settings with a state folder of their own."""
    return settings(state_dir=tmp_path / "state")


@pytest.fixture
def clicks(tmp_path: Path) -> Path:
    """A file to send."""
    path = tmp_path / "my clicks.json"
    path.write_text("[1, 2]")
    return path


def visible(values: Settings) -> list[str]:
    """What NiFi would take: the files whose name does not begin with a dot."""
    return sorted(
        path.name for path in nifi_inbox.inbox_folder(values, "clicks").iterdir() if not path.name.startswith(".")
    )


def test_a_file_is_copied_under_a_name_with_time_and_hash(values: Settings, clicks: Path) -> None:
    receipt = nifi_inbox.send_file(clicks, values)
    assert re.fullmatch(rf"[0-9]{{8}}T[0-9]{{6}}-{receipt.sha256[:12]}-my_clicks\.json", receipt.name)
    assert (receipt.bytes, receipt.sent) == (6, True)
    assert (nifi_inbox.inbox_folder(values, "clicks") / receipt.name).read_bytes() == clicks.read_bytes()
    assert visible(values) == [receipt.name]


def test_nothing_hidden_is_left(values: Settings, clicks: Path) -> None:
    receipt = nifi_inbox.send_file(clicks, values)
    assert [path.name for path in nifi_inbox.inbox_folder(values, "clicks").iterdir()] == [receipt.name]


def test_the_same_content_is_sent_once_whatever_its_name(values: Settings, clicks: Path) -> None:
    first = nifi_inbox.send_file(clicks, values)
    (nifi_inbox.inbox_folder(values, "clicks") / first.name).unlink()
    other = clicks.with_name("other.json")
    other.write_bytes(clicks.read_bytes())
    second = nifi_inbox.send_file(other, values)
    assert (second.sent, second.name) == (False, first.name)
    assert visible(values) == []


def test_the_same_name_with_other_content_is_sent(values: Settings, clicks: Path) -> None:
    first = nifi_inbox.send_file(clicks, values)
    clicks.write_text("[3]")
    second = nifi_inbox.send_file(clicks, values)
    assert second.sent
    assert visible(values) == sorted([first.name, second.name])


def test_again_sends_the_same_content_once_more(values: Settings, clicks: Path) -> None:
    nifi_inbox.send_file(clicks, values)
    for path in nifi_inbox.inbox_folder(values, "clicks").iterdir():
        path.unlink()
    assert nifi_inbox.send_file(clicks, values, again=True).sent
    assert len(visible(values)) == 1
    assert not nifi_inbox.send_file(clicks, values).sent


def test_pipelines_have_inboxes_of_their_own(values: Settings, clicks: Path) -> None:
    assert nifi_inbox.send_file(clicks, values, pipeline="clicks").sent
    assert nifi_inbox.send_file(clicks, values, pipeline="orders").sent


@pytest.mark.parametrize("moment", ["_copy", "_write", "_enter"])
def test_a_crash_at_any_moment_is_made_good_by_sending_again(
    values: Settings, clicks: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def cut(*_: object) -> None:
        raise PowerCutError

    with monkeypatch.context() as patch:
        patch.setattr(nifi_inbox, moment, cut)
        with pytest.raises(PowerCutError):
            nifi_inbox.send_file(clicks, values)
    assert visible(values) == []
    assert nifi_inbox.send_file(clicks, values).sent
    assert not nifi_inbox.send_file(clicks, values).sent
    assert len(visible(values)) == 1


def test_a_crash_right_after_the_rename_sends_nothing_twice(
    values: Settings, clicks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter = nifi_inbox._enter

    def cut(ready: Path, entry: Path) -> nifi_inbox.InboxReceipt:
        enter(ready, entry)
        raise PowerCutError

    with monkeypatch.context() as patch:
        patch.setattr(nifi_inbox, "_enter", cut)
        with pytest.raises(PowerCutError):
            nifi_inbox.send_file(clicks, values)
    assert not nifi_inbox.send_file(clicks, values).sent
    assert len(visible(values)) == 1


def test_a_crash_while_copying_leaves_nothing_visible(values: Settings, clicks: Path) -> None:
    def cut(_: int) -> None:
        raise PowerCutError

    with pytest.raises(PowerCutError):
        nifi_inbox.send_file(clicks, values, on_progress=cut)
    assert visible(values) == []
    assert nifi_inbox.send_file(clicks, values).sent


def test_progress_tells_the_bytes_copied(values: Settings, clicks: Path) -> None:
    clicks.write_bytes(b"x" * (nifi_inbox.CHUNK + 1))
    seen: list[int] = []
    nifi_inbox.send_file(clicks, values, on_progress=seen.append)
    assert seen == [nifi_inbox.CHUNK, nifi_inbox.CHUNK + 1]


def test_an_empty_file_goes_through_for_nifi_to_reject(values: Settings, clicks: Path) -> None:
    clicks.write_bytes(b"")
    assert nifi_inbox.send_file(clicks, values).bytes == 0
    assert len(visible(values)) == 1


def test_a_missing_file_is_refused(values: Settings, tmp_path: Path) -> None:
    with pytest.raises(nifi_inbox.InboxError, match=r"there is no file .*nothing\.json"):
        nifi_inbox.send_file(tmp_path / "nothing.json", values)


def test_a_folder_is_refused(values: Settings, tmp_path: Path) -> None:
    with pytest.raises(nifi_inbox.InboxError, match="is a folder"):
        nifi_inbox.send_file(tmp_path, values)


def test_a_file_that_cannot_be_read_is_refused(values: Settings, clicks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(nifi_inbox.InboxError, match=r"cannot read .*: Permission denied"):
        nifi_inbox._copy(clicks, clicks, lambda _: None)
