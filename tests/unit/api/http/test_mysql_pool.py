"""Connections to MySQL: what is told when there is none to be had."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from api.http.mysql_pool import Connections
from api.http.problems import ProblemError
from eventmill.config.disk import Reserve
from tests.support import settings


def test_nothing_is_added_while_the_disk_is_nearly_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reserve, "shortage", lambda _: "the disk is nearly full")
    connections = Connections(settings(mysql_port=1), "shop", 1, "the shop's orders")
    with pytest.raises(ProblemError) as refused, connections.growing():
        pytest.fail("a transaction begins")
    assert refused.value.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert refused.value.members["reason"] == "the disk is nearly full"
