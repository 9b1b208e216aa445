"""Spark's configuration from the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventmill.spark.configuration import spark_configuration
from tests.support import settings


def configured(tmp_path: Path, **values: object) -> dict[str, str]:
    (tmp_path / "spark").mkdir()
    (tmp_path / "spark" / "one.jar").touch()
    return spark_configuration(settings(lib_dir=tmp_path, **values))


def test_jars_are_asked_for_before_they_are_missed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no jars in .*/spark; fetch them with: make setup"):
        spark_configuration(settings(lib_dir=tmp_path))


def test_the_settings_reach_spark(tmp_path: Path) -> None:
    conf = configured(tmp_path, hdfs_port=1234, spark_shuffle_partitions=7, spark_driver_memory="900m")
    assert conf["spark.jars"] == str(tmp_path / "spark" / "one.jar")
    assert conf["spark.hadoop.fs.defaultFS"] == "hdfs://127.0.0.1:1234"
    assert conf["spark.sql.shuffle.partitions"] == "7"
    assert conf["spark.driver.memory"] == "900m"
    assert conf["spark.ui.enabled"] == "false"


def test_times_are_utc_and_int96(tmp_path: Path) -> None:
    conf = configured(tmp_path)
    assert conf["spark.sql.session.timeZone"] == "UTC"
    assert conf["spark.sql.parquet.outputTimestampType"] == "INT96"


def test_a_port_turns_the_ui_on(tmp_path: Path) -> None:
    conf = configured(tmp_path, spark_ui_port=4040)
    assert (conf["spark.ui.enabled"], conf["spark.ui.port"]) == ("true", "4040")
