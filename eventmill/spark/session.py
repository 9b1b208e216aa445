"""The SparkSession of a job, the same under `python -m spark_jobs` and under spark-submit."""

from __future__ import annotations

import os
import sys

from pyspark.sql import SparkSession

from eventmill.config import logs
from eventmill.config.settings import Settings
from eventmill.spark import yarn
from eventmill.spark.configuration import metastore, spark_configuration


def spark_session(settings: Settings, name: str, *, hive: bool = False, real_time: bool = False) -> SparkSession:
    """A session for the application of that name; under spark-submit its master and its options come first.

    With `hive` it knows the tables of the Hive metastore; with `real_time` it has room for filters in real time.
    """
    use_this_python()
    if settings.java_home:
        os.environ["JAVA_HOME"] = str(settings.java_home)
    if settings.spark_master == "yarn":
        os.environ |= yarn.environment()
    builder = SparkSession.builder.appName(f"eventmill {name}")
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        builder = builder.master(master(settings, real_time))
    shipped = yarn.ship_code(settings) if settings.spark_master == "yarn" else {}
    for key, value in (spark_configuration(settings) | shipped | (metastore(settings) if hive else {})).items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel(logs.of_spark(settings))
    return spark


def master(settings: Settings, real_time: bool) -> str:
    """The master that is set; on this machine's cores, with a slot more for each task that reads in real time.

    Such a task never ends, and mostly waits.
    """
    if real_time and settings.real_time and settings.spark_master == "local[*]":
        return f"local[{(os.cpu_count() or 1) + settings.carts_partitions}]"
    return settings.spark_master


def use_this_python() -> None:
    """Let Spark's Python workers run in the environment of this process, unless PYSPARK_PYTHON says otherwise."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
