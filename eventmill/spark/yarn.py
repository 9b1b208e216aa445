"""Spark on YARN: the resource manager's address, and an archive on HDFS of all that executors run.

Spark's jars, the Python environment and our own code are archives named by their content, so that each is brought once
and another version is another file.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from eventmill.config.settings import ROOT, Settings
from eventmill.lake import webhdfs

LOOPBACK = "127.0.0.1"
FOLDER = "/eventmill/spark"
WORKERS, CODE = "workers", "code"
"""The folders beside an executor that its environment and our code are unpacked to."""

PYTHON = f"./{WORKERS}/bin/python"
PACKAGES = ("eventmill", "spark_jobs")
CLIENT = ROOT / "engines" / "yarn" / "client"
"""Spark wants a folder with Hadoop's configuration, or it does not start on YARN; ours has nothing to say."""


def environment() -> dict[str, str]:
    """The variables of a driver."""
    return {"YARN_CONF_DIR": str(CLIENT), "PYSPARK_PYTHON": PYTHON, "PYSPARK_DRIVER_PYTHON": sys.executable}


def yarn_configuration(settings: Settings) -> dict[str, str]:
    """The options that say where YARN is and what is asked of it."""
    host = settings.yarn_host
    # Where all runs on one machine, it listens nowhere else.
    local = {"SPARK_LOCAL_IP": LOOPBACK, "SPARK_LOCAL_HOSTNAME": "localhost"} if host == LOOPBACK else {}
    return {
        **{f"spark.yarn.appMasterEnv.{name}": value for name, value in local.items()},
        **{f"spark.executorEnv.{name}": value for name, value in local.items()},
        "spark.hadoop.yarn.resourcemanager.hostname": host,
        "spark.hadoop.yarn.resourcemanager.address": f"{host}:{settings.yarn_port}",
        "spark.hadoop.yarn.resourcemanager.scheduler.address": f"{host}:{settings.yarn_scheduler_port}",
        "spark.hadoop.yarn.resourcemanager.webapp.address": f"{host}:{settings.yarn_ui_port}",
        "spark.yarn.am.memory": "384m",
        "spark.yarn.am.extraJavaOptions": "-XX:+UseSerialGC",
        "spark.executor.instances": str(settings.spark_executors),
        "spark.executor.cores": str(settings.spark_worker_cores),
        "spark.executor.memory": settings.spark_worker_memory,
        "spark.executorEnv.PYTHONPATH": CODE,
        "spark.pyspark.python": PYTHON,
        "spark.pyspark.driver.python": os.environ.get("PYTHON", sys.executable),
    }


def ship_code(settings: Settings) -> dict[str, str]:
    """Bring what is not on HDFS yet; returns the options that say where it is.

    Raises:
        FileNotFoundError: when the environment of the executors was not fetched.
    """
    workers = settings.lib_dir / "yarn" / "workers.tar.gz"
    if not workers.exists():
        raise FileNotFoundError(f"there is no {workers}; fetch it with: make setup")
    with tempfile.TemporaryDirectory() as folder:
        code = _zip(Path(folder, f"{CODE}.zip"), _code(), zipfile.ZIP_DEFLATED)
        archives = (f"{_bring(settings, workers)}#{WORKERS}", f"{_bring(settings, code)}#{CODE}")
        jars = _jars(settings, Path(folder))
    return {"spark.yarn.dist.archives": ",".join(archives), "spark.yarn.archive": jars}


def _code() -> Iterable[tuple[Path, str]]:
    """Our packages' files with their names in the archive."""
    files = (file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py")))
    return ((file, str(file.relative_to(ROOT))) for file in files)


def _jars(settings: Settings, folder: Path) -> str:
    """Folder of the jars of the Spark that is installed here."""
    found = find_spec("pyspark")
    assert found is not None
    assert found.submodule_search_locations is not None
    jars = sorted(Path(found.submodule_search_locations[0], "jars").glob("*.jar"))
    digest = hashlib.sha256("".join(f"{jar.name} {jar.stat().st_size}\n" for jar in jars).encode())
    path = f"{FOLDER}/{digest.hexdigest()[:16]}-jars.zip"
    if not webhdfs.exists(settings, path):
        file = _zip(folder / "jars.zip", ((jar, jar.name) for jar in jars), zipfile.ZIP_STORED)
        _bring_to(settings, file, path)
    return settings.hdfs_url + path


def _zip(file: Path, members: Iterable[tuple[Path, str]], compression: int) -> Path:
    """An archive that depends on nothing but its members."""
    with zipfile.ZipFile(file, "w", compression) as archive:
        for path, name in members:
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes(), compression)
    return file


def _bring(settings: Settings, file: Path) -> str:
    with file.open("rb") as content:
        path = f"{FOLDER}/{hashlib.file_digest(content, 'sha256').hexdigest()[:16]}-{file.name}"
    if not webhdfs.exists(settings, path):
        _bring_to(settings, file, path)
    return settings.hdfs_url + path


def _bring_to(settings: Settings, file: Path, path: str) -> None:
    """Bring a file; that another driver brought the same one meanwhile is no error."""
    webhdfs.make_folder(settings, FOLDER)
    try:
        webhdfs.bring(settings, file, path)
    except webhdfs.HdfsError:
        if not webhdfs.exists(settings, path):
            raise
