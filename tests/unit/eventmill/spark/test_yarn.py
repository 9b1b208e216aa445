"""What Spark is told on YARN, and what is brought to HDFS for executors: each thing once."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from eventmill.config.settings import Settings
from eventmill.lake import webhdfs
from eventmill.spark import yarn
from eventmill.spark.configuration import spark_configuration
from tests.support import settings


def test_only_jobs_on_yarn_are_told_of_it(tmp_path: Path) -> None:
    (tmp_path / "spark").mkdir()
    (tmp_path / "spark" / "one.jar").touch()
    here = spark_configuration(settings(lib_dir=tmp_path))
    there = spark_configuration(settings(lib_dir=tmp_path, spark_master="yarn", yarn_port=47030, spark_executors=3))
    assert not [name for name in here if "yarn" in name]
    assert there["spark.hadoop.yarn.resourcemanager.address"] == "127.0.0.1:47030"
    assert there["spark.executor.instances"] == "3"
    assert there["spark.pyspark.python"] == "./workers/bin/python"


def test_on_one_machine_executors_listen_on_loopback_only() -> None:
    own = yarn.yarn_configuration(settings(spark_master="yarn"))
    cluster = yarn.yarn_configuration(settings(spark_master="yarn", yarn_host="resourcemanager"))
    assert own["spark.executorEnv.SPARK_LOCAL_IP"] == "127.0.0.1"
    assert "spark.executorEnv.SPARK_LOCAL_IP" not in cluster


class Hdfs:
    """Keeps what is brought."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def exists(self, _: Settings, path: str) -> bool:
        """Whether it was brought."""
        return path in self.files

    def bring(self, _: Settings, file: Path, path: str) -> None:
        """Keep it; Spark's jars are not read."""
        assert path not in self.files
        self.files[path] = b"" if file.name == "jars.zip" else file.read_bytes()


@pytest.fixture
def hdfs(monkeypatch: pytest.MonkeyPatch) -> Hdfs:
    """HDFS with nothing in it."""
    made = Hdfs()
    monkeypatch.setattr(webhdfs, "exists", made.exists)
    monkeypatch.setattr(webhdfs, "bring", made.bring)
    monkeypatch.setattr(webhdfs, "make_folder", lambda *_: None)
    return made


def test_what_executors_need_is_brought_once(hdfs: Hdfs, tmp_path: Path) -> None:
    own = settings(lib_dir=tmp_path, spark_master="yarn")
    (tmp_path / "yarn").mkdir()
    (tmp_path / "yarn" / "workers.tar.gz").write_bytes(b"an environment")
    told = yarn.ship_code(own)
    assert yarn.ship_code(own) == told
    assert len(hdfs.files) == 3
    workers, code = told["spark.yarn.dist.archives"].split(",")
    assert re.fullmatch(r"hdfs://127\.0\.0\.1:8020/eventmill/spark/[0-9a-f]{16}-workers\.tar\.gz#workers", workers)
    (path,) = (path for path in hdfs.files if path.endswith("-code.zip"))
    assert code == f"{own.hdfs_url}{path}#code"
    (tmp_path / "code.zip").write_bytes(hdfs.files[path])
    names = zipfile.ZipFile(tmp_path / "code.zip").namelist()
    assert {"eventmill/contracts/events.py", "spark_jobs/processing/lateness.py"} <= set(names)
    assert not any(name.startswith(("api/", "nifi/", "ops/")) for name in names)


def test_an_environment_that_was_not_fetched_is_named(hdfs: Hdfs, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"workers\.tar\.gz; fetch it with: make setup"):
        yarn.ship_code(settings(lib_dir=tmp_path, spark_master="yarn"))
    assert hdfs.files == {}


@pytest.mark.parametrize("another_was_first", [True, False])
def test_only_a_file_that_another_driver_brought_may_be_in_the_way(
    hdfs: Hdfs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, another_was_first: bool
) -> None:
    own = settings(lib_dir=tmp_path, spark_master="yarn")
    (tmp_path / "yarn").mkdir()
    (tmp_path / "yarn" / "workers.tar.gz").write_bytes(b"an environment")

    def refuse(of: Settings, file: Path, path: str) -> None:
        if another_was_first:
            hdfs.bring(of, file, path)
        raise webhdfs.HdfsError(f"HDFS does not rename to {path}")

    monkeypatch.setattr(webhdfs, "bring", refuse)
    if another_was_first:
        assert yarn.ship_code(own)
        assert len(hdfs.files) == 3
    else:
        with pytest.raises(webhdfs.HdfsError):
            yarn.ship_code(own)
