"""A local Spark for all tests of the jobs, and pipelines on a folder of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from eventmill.spark.configuration import sql_configuration
from eventmill.spark.session import use_this_python
from tests.support import settings
from tests.unit.spark_jobs.support import CartsPipeline, ClicksPipeline, GamePipeline, ViewsPipeline, VisitsPipeline


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Spark on 2 cores with the jobs' own options and no network."""
    use_this_python()
    builder = SparkSession.builder.master("local[2]").appName("tests")
    options = sql_configuration(settings(spark_shuffle_partitions=2)) | {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "768m",
        "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # As in the micro-batches of a streaming query.
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
    }
    for key, value in options.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture
def clicks(spark: SparkSession, tmp_path: Path) -> Callable[..., ClicksPipeline]:
    """Makes clicks pipelines; each that names no folder gets one of its own."""
    made: list[ClicksPipeline] = []

    def make(folder: Path | None = None, **options: object) -> ClicksPipeline:
        made.append(ClicksPipeline(spark, folder or tmp_path / str(len(made)), **options))  # type: ignore[arg-type]
        return made[-1]

    return make


@pytest.fixture
def views(spark: SparkSession, tmp_path: Path) -> Callable[..., ViewsPipeline]:
    """Makes pipelines of views, one a test."""
    return lambda **options: ViewsPipeline(spark, tmp_path / "views", **options)


@pytest.fixture
def game(spark: SparkSession, tmp_path: Path) -> GamePipeline:
    """A game pipeline."""
    return GamePipeline(spark, tmp_path / "game")


@pytest.fixture
def visits(spark: SparkSession, tmp_path: Path) -> Callable[[], VisitsPipeline]:
    """Makes visits lines, each on a folder of its own."""
    numbers = count()
    return lambda: VisitsPipeline(spark, tmp_path / f"visits-{next(numbers)}")


@pytest.fixture
def carts(spark: SparkSession, tmp_path: Path) -> Callable[[], CartsPipeline]:
    """Makes carts pipelines, each on a folder of its own."""
    numbers = count()
    return lambda: CartsPipeline(spark, tmp_path / f"carts-{next(numbers)}")
