"""The daemon that runs services and jobs, tried on processes that do nothing."""

from __future__ import annotations

import pytest

from ops.stack import supervisor
from ops.stack.engines import SERVICES
from ops.stack.supervisor import StackError
from tests.unit.ops.conftest import Dummies


def test_a_stack_ends_jobs_first_and_stores_after_all_that_use_them(dummies: Dummies) -> None:
    dummies.start("kafka", "namenode", "datanode", "metastore", "hiveserver2", "nifi", "jobs")
    dummies.supervisor.shutdown()
    ended = dummies.ended()
    assert ended[0] == "jobs"
    assert set(ended[1:3]) == {"hiveserver2", "nifi"}
    assert set(ended[3:5]) == {"kafka", "metastore"}
    assert ended[5:] == ["datanode", "namenode"]
    assert not dummies.supervisor.runs()


def test_a_service_that_the_running_daemon_does_not_know_is_named(
    dummies: Dummies, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = [s for s in SERVICES if s.name != "mail"]
    monkeypatch.setattr(supervisor, "SERVICES", older)
    dummies.start()
    with pytest.raises(StackError, match="started before there was mail; run: make down, then: make up"):
        dummies.supervisor.start("mail")
