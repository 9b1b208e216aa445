"""Page logs on their way to the source cluster: what keys them, and what is said when it's away."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.senders import source_cluster
from ops.senders.event_api import PostingError
from ops.senders.source_cluster import VisitorsError
from tests.support import settings


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (b'{"device_id":"d-1","ip":7}', "d-1"),
        (b'{"ip":"1.2.3.4"}', None),
        (b'{"device_id":5}', "5"),
        (b'{"device_id":""}', None),
        (b'{"device_id":[5]}', None),
        (b"GET / HTTP/1.1", None),
        (b'{"device_id":"\xff"}', None),
    ],
)
def test_a_log_is_keyed_by_its_device(line: bytes, key: str | None) -> None:
    assert source_cluster.key(line) == key


def test_a_cluster_that_is_away_is_said(tmp_path: Path) -> None:
    file = tmp_path / "logs.json"
    file.write_bytes(b'{"device_id":"d-1"}\n\n{"device_id":"d-2"}\n')
    with pytest.raises(VisitorsError, match=r"the source cluster has 0 page logs of .*logs\.json, then it failed"):
        source_cluster.send_page_logs(settings(forward_bootstrap="127.0.0.1:1"), file, patience=1)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PostingError, match=r"cannot read .*missing\.json"):
        source_cluster.send_page_logs(settings(), tmp_path / "missing.json", patience=1)
