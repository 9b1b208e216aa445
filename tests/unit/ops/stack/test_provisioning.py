"""The Hive tables that a stack gets when it starts, and what is said of days that were found again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from eventmill.config.settings import PIPELINES, Settings
from eventmill.lake import hive_tables, warehouse
from ops.stack import provisioning
from tests.support import settings


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The scripts of tables that were carried out; in each two days are new, in the warehouse three."""
    scripts: list[str] = []

    def apply(_: Settings, pipeline: str) -> Mapping[str, int]:
        scripts.append(pipeline)
        return {"commerce": 2, "other": 0}

    monkeypatch.setattr(hive_tables, "apply_hive_tables", apply)
    monkeypatch.setattr(warehouse, "restore", lambda _: 3)
    return scripts


def test_every_table_of_the_enabled_pipelines_is_made(made: list[str]) -> None:
    assert provisioning.make_hive_tables(settings()) == 2 * 4 + 3
    assert set(made) == set(hive_tables.pipelines())


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_a_pipeline_that_is_left_out_gets_no_tables(pipeline: str, made: list[str]) -> None:
    provisioning.make_hive_tables(settings(enabled_pipelines=pipeline))
    expected = {"visits": [], "orders": ["orders", "warehouse"]}
    assert made == expected.get(pipeline, [pipeline])


@pytest.fixture
def said(tmp_path: Path) -> Callable[[int], str]:
    """What is said in a stack of that folder."""
    return lambda found: provisioning.notice(settings(state_dir=tmp_path), found)


def test_nothing_is_said_when_hive_knew_all_days(said: Callable[[int], str]) -> None:
    assert said(0) == ""


def test_days_that_were_found_are_told(said: Callable[[int], str]) -> None:
    assert said(7) == "Hive found 7 days of tables on HDFS that its metastore did not know"


def test_the_data_of_an_earlier_metastore_are_named(said: Callable[[int], str], tmp_path: Path) -> None:
    (tmp_path / "hive" / "metastore_db").mkdir(parents=True)
    assert f"{tmp_path}/hive/metastore_db, its data of earlier versions, is no longer read" in said(7)
