"""Finding a Java that the engines can run on, and saying why another cannot work."""

from pathlib import Path

import pytest

from ops.stack import java


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """A folder that looks like a JDK 17."""
    (tmp_path / "bin").mkdir()
    for tool in ("java", "javac"):
        (tmp_path / "bin" / tool).touch()
    (tmp_path / "release").write_text('JAVA_VERSION="17.0.15"\n')
    return tmp_path


def test_a_java_17_kit_is_taken(kit: Path) -> None:
    assert java.refusal(kit) is None


def test_another_version_is_refused_by_number(kit: Path) -> None:
    (kit / "release").write_text('JAVA_VERSION="25.0.1"\n')
    assert java.refusal(kit) == f"{kit} is Java 25, and the engines need 17"


def test_a_runtime_without_compiler_is_refused(kit: Path) -> None:
    (kit / "bin" / "javac").unlink()
    assert "no javac" in str(java.refusal(kit))


def test_a_folder_without_java_is_refused(tmp_path: Path) -> None:
    assert java.refusal(tmp_path) == f"{tmp_path} has no bin/java"
