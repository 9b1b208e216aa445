"""Setup: .env with random secrets, and parts that are fetched once for the same inputs."""

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from eventmill import setup
from eventmill.settings import ROOT
from eventmill.setup import Part, SetupError


@pytest.fixture
def part(tmp_path: Path) -> Part:
    """A part whose command makes its target from one input."""
    (tmp_path / "input").write_text("1")
    target = tmp_path / "target"
    return Part(
        "part", "lane", (tmp_path / "input",), target, ("sh", "-c", f"mkdir -p '{target}'; date > '{target}/made'")
    )


def fetch(part: Part, tmp_path: Path) -> None:
    setup._fetch_part(part, {"PATH": "/usr/bin:/bin"}, tmp_path / "logs", lambda: None)


def test_a_part_is_there_only_after_it_was_fetched(part: Part, tmp_path: Path) -> None:
    assert not part.is_there()
    fetch(part, tmp_path)
    assert part.is_there()


def test_a_changed_input_makes_a_part_missing_again(part: Part, tmp_path: Path) -> None:
    fetch(part, tmp_path)
    (tmp_path / "input").write_text("2")
    assert not part.is_there()


def test_a_failed_part_names_itself_and_its_log(part: Part, tmp_path: Path) -> None:
    part.command = ("sh", "-c", "echo no route to registry; exit 7")
    with pytest.raises(SetupError, match=r"(?s)fetching part failed \(exit 7\).*no route to registry.*setup-part.log"):
        fetch(part, tmp_path)
    assert not part.is_there()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the script that makes secrets and an example of settings."""
    (tmp_path / "bin").mkdir()
    shutil.copy(ROOT / "bin" / "secrets", tmp_path / "bin")
    (tmp_path / ".env.example").write_text("# why\nPORT=1\nA_KEY=<random>\nB_KEY=<random>\n")
    return tmp_path


def make_secrets(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([checkout / "bin" / "secrets"], capture_output=True, text=True)


def test_env_gets_random_secrets_that_only_the_owner_reads(checkout: Path) -> None:
    assert make_secrets(checkout).returncode == 0
    env = checkout / ".env"
    values = dict(line.split("=", 1) for line in env.read_text().splitlines() if not line.startswith("#"))
    assert values["PORT"] == "1"
    assert len({values["A_KEY"], values["B_KEY"], "<random>"}) == 3
    assert len(values["A_KEY"]) >= 64
    assert stat.S_IMODE(env.stat().st_mode) == 0o600


def test_each_secret_gets_a_file_in_a_folder_closed_to_others(checkout: Path) -> None:
    (checkout / ".env").write_text("PORT=1\nA_KEY=first\nB_KEY=second\n")
    assert make_secrets(checkout).stdout == ""
    folder = checkout / ".eventmill" / "secrets"
    assert {file.name: file.read_text() for file in folder.iterdir()} == {"a_key": "first", "b_key": "second"}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (checkout / ".env").write_text("A_KEY=changed\nB_KEY=second\n")
    make_secrets(checkout)
    assert (folder / "a_key").read_text() == "changed"


def test_an_env_of_before_keeps_its_values_and_gets_what_it_lacks(checkout: Path) -> None:
    (checkout / ".env").write_text("PORT=2\nA_KEY=first\n")
    assert make_secrets(checkout).stdout == "added new settings to .env\n"
    lines = (checkout / ".env").read_text().splitlines()
    assert lines[:2] == ["PORT=2", "A_KEY=first"]
    assert len(lines[2]) > len("B_KEY=") + 60


def test_an_empty_secret_is_named(checkout: Path) -> None:
    (checkout / ".env").write_text("PORT=1\nA_KEY=first\nB_KEY=\n")
    done = make_secrets(checkout)
    assert done.returncode == 1
    assert "B_KEY is empty in .env" in done.stderr
