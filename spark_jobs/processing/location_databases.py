"""The databases of locations: which files they are, and how the workers get them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import SparkSession

from eventmill.config.settings import ROOT, Settings, SettingsError
from eventmill.lake.hadoop_files import Files

FOLDER = "locations"


def databases(settings: Settings) -> Sequence[Path]:
    """The file that is set, or those that `make setup` fetched.

    Raises:
        SettingsError: when there is no such file.
    """
    if not settings.visits_locations:
        return sorted((settings.lib_dir / "locations").glob("*.mmdb"))
    path = ROOT / settings.visits_locations
    if not path.is_file():
        raise SettingsError(f"setting VISITS_LOCATIONS: there is no file {path}")
    return [path]


def ship_databases(spark: SparkSession, files: Files, paths: Sequence[Path]) -> Sequence[str]:
    """Put the files on HDFS, from where each worker gets them; returns their names among Spark's files.

    Names begin with a digest of the content, so that another database is another file.
    """
    return [_ship(spark, files, path) for path in paths]


def _ship(spark: SparkSession, files: Files, path: Path) -> str:
    with path.open("rb") as content:
        name = f"{hashlib.file_digest(content, 'sha256').hexdigest()[:16]}-{path.name}"
    if not files.exists(f"{FOLDER}/{name}"):
        aside = f"{FOLDER}/.{name}"
        files.bring(path, aside)
        files.replace(aside, f"{FOLDER}/{name}")
    spark.sparkContext.addFile(files.url(f"{FOLDER}/{name}"))
    return name
