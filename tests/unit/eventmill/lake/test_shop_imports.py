"""The lake: what was imported is known by its folders, and each import is there once."""

from __future__ import annotations

from pathlib import PurePosixPath

import mysql.connector
import pytest

from eventmill.config.settings import Settings
from eventmill.lake import shop_imports, webhdfs
from eventmill.lake.shop_imports import ImportedRows
from tests.support import settings


class Hdfs:
    """Folders in memory."""

    def __init__(self, *paths: str) -> None:
        self.paths = set(paths)

    def names(self, _: Settings, folder: str) -> list[str]:
        """As WebHDFS."""
        inside = (PurePosixPath(path) for path in self.paths if path.startswith(f"{folder}/"))
        return sorted({path.relative_to(folder).parts[0] for path in inside})

    def make_folder(self, _: Settings, path: str) -> None:
        """As WebHDFS."""

    def rename(self, _: Settings, path: str, target: str) -> None:
        """As WebHDFS."""
        self.paths = {known.replace(path, target) if known.startswith(path) else known for known in self.paths}

    def delete(self, _: Settings, path: str) -> None:
        """As WebHDFS."""
        self.paths = {known for known in self.paths if not known.startswith(path)}


@pytest.fixture
def hdfs(monkeypatch: pytest.MonkeyPatch) -> Hdfs:
    """One with a lake that has the first ten orders."""
    made = Hdfs(
        f"{shop_imports.LAKE}/orders/{ImportedRows(0, 10).folder}/part-m-00000",
        f"{shop_imports.LAKE}/orders/_temporary/part",
    )
    for name in ("names", "make_folder", "rename", "delete"):
        monkeypatch.setattr(webhdfs, name, getattr(made, name))
    return made


@pytest.fixture
def newest(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The highest number of each table of the shop."""
    numbers = {"orders": 0, "completed_orders": 0}
    monkeypatch.setattr(shop_imports, "_newest", lambda _, source: numbers[source.name])
    return numbers


def test_what_is_wanted_follows_what_is_there(hdfs: Hdfs, newest: dict[str, int]) -> None:
    newest["orders"] = 25
    assert shop_imports.rows_to_import(settings(), "orders") == ImportedRows(10, 25)
    assert shop_imports.rows_to_import(settings(), "completed_orders") == ImportedRows(0, 0)
    assert shop_imports.until(settings()) == {"orders": 10, "completed_orders": 0}


def test_a_shop_that_lost_rows_is_no_reason_to_import_again(hdfs: Hdfs, newest: dict[str, int]) -> None:
    newest["orders"] = 7
    assert shop_imports.rows_to_import(settings(), "orders") == ImportedRows(10, 10)


def test_of_several_tries_the_last_becomes_a_part(hdfs: Hdfs) -> None:
    rows = ImportedRows(10, 25)
    for attempt in (2, 10):
        hdfs.paths.add(f"{shop_imports.staging_folder('orders', rows)}/{attempt}/part-m-0000{attempt}")
    shop_imports.publish_import(settings(), "orders", rows)
    assert shop_imports.imported(settings(), "orders") == [ImportedRows(0, 10), rows]
    assert f"{shop_imports.LAKE}/orders/{rows.folder}/part-m-000010" in hdfs.paths
    assert not [path for path in hdfs.paths if path.startswith(shop_imports.ASIDE)]


@pytest.mark.parametrize(
    "rows", [ImportedRows(0, 10), ImportedRows(0, 7), ImportedRows(0, 25), ImportedRows(5, 25), ImportedRows(11, 25)]
)
def test_what_does_not_follow_the_lake_changes_nothing(hdfs: Hdfs, rows: ImportedRows) -> None:
    before = set(hdfs.paths)
    hdfs.paths.add(f"{shop_imports.staging_folder('orders', rows)}/1/part-m-00000")
    shop_imports.publish_import(settings(), "orders", rows)
    assert hdfs.paths == before


@pytest.mark.parametrize("number", [1049, 1146])
def test_a_shop_whose_tables_are_not_made_has_no_rows(hdfs: Hdfs, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*_: object) -> None:
        raise mysql.connector.ProgrammingError("not there", errno=number)

    monkeypatch.setattr(shop_imports, "_newest", refuse)
    assert shop_imports.rows_to_import(settings(), "orders") == ImportedRows(10, 10)


def test_a_shop_that_refuses_is_no_empty_shop(hdfs: Hdfs, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise mysql.connector.ProgrammingError("access denied", errno=1045)

    monkeypatch.setattr(shop_imports, "_newest", refuse)
    with pytest.raises(mysql.connector.ProgrammingError):
        shop_imports.rows_to_import(settings(), "orders")
