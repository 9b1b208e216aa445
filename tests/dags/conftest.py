"""The DAGs as Airflow parses them. Airflow reads its configuration when it is imported, so that comes first."""

import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support import SECRETS

ROOT = Path(__file__).resolve().parents[2]
HOME = Path(tempfile.mkdtemp(prefix="eventmill-airflow-"))

collect_ignore_glob = [] if find_spec("airflow") else ["test_*.py"]

os.environ |= {name.upper(): value for name, value in SECRETS.items()} | {
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "LIB_DIR": str(HOME / "lib"),
}


def pytest_sessionfinish() -> None:
    """Remove Airflow's folder."""
    shutil.rmtree(HOME)


@pytest.fixture(scope="session")
def dagbag() -> Any:
    """All DAGs of the folder."""
    from airflow.dag_processing.dagbag import DagBag

    jar = HOME / "lib" / "spark" / "connector.jar"
    jar.parent.mkdir(parents=True)
    jar.touch()
    return DagBag(dag_folder=str(ROOT / "dags"))


@pytest.fixture
def clicks(dagbag: Any) -> Any:
    """The DAG of the clicks pipeline."""
    return dagbag.dags["ecommerce_platform"]
