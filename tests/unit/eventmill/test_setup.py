"""Setup: .env with random secrets, and parts that are fetched once for the same inputs."""

import stat
from pathlib import Path

import pytest

from eventmill import setup
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


def test_env_gets_random_secrets_that_only_the_owner_reads(tmp_path: Path) -> None:
    example = tmp_path / ".env.example"
    example.write_text("# why\nPORT=1\nA=<random>\nB=<random>\n")
    env = tmp_path / ".env"
    assert setup.write_env(env, example)
    values = dict(line.split("=", 1) for line in env.read_text().splitlines() if not line.startswith("#"))
    assert values["PORT"] == "1"
    assert len({values["A"], values["B"], "<random>"}) == 3
    assert len(values["A"]) >= 64
    assert stat.S_IMODE(env.stat().st_mode) == 0o600


def test_an_existing_env_is_kept(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("PORT=2\n")
    assert not setup.write_env(env, tmp_path / "absent")
    assert env.read_text() == "PORT=2\n"
