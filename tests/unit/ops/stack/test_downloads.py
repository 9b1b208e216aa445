"""Setup: .env with random secrets, and parts that are fetched once for the same inputs."""

import fcntl
import shutil
import stat
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eventmill.config.settings import ROOT
from ops.stack import downloads
from ops.stack.downloads import Part, SetupError


@pytest.fixture
def part(tmp_path: Path) -> Part:
    """A part whose command makes its target from one input."""
    (tmp_path / "input").write_text("1")
    target = tmp_path / "target"
    return Part("part", (tmp_path / "input",), target, ("sh", "-c", f"mkdir -p '{target}'; date >> '{target}/made'"))


def fetch(part: Part, tmp_path: Path) -> None:
    downloads._fetch_part(part, {"PATH": "/usr/bin:/bin"}, tmp_path / "logs", lambda: None)


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


def test_each_part_has_a_line_when_it_begins_and_when_it_ends(part: Part, tmp_path: Path) -> None:
    fetch(part, tmp_path)
    lines = (tmp_path / "logs" / "setup.log").read_text().splitlines()
    assert [line.split(" ", 1)[1].partition(" after")[0] for line in lines] == ["part fetching", "part there"]


def test_a_part_that_two_fetch_at_once_is_fetched_once(part: Part, tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda _: fetch(part, tmp_path), range(2)))
    assert len((part.target / "made").read_text().splitlines()) == 1


def test_a_command_that_outlives_a_killed_setup_is_waited_for(part: Part, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with (tmp_path / "logs" / "setup-part.log").open("a") as log:
        # As a set-up does that is killed then: its command goes on, and holds the log.
        fcntl.flock(log, fcntl.LOCK_EX)
        left = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log)
    again = threading.Thread(target=fetch, args=(part, tmp_path))
    again.start()
    again.join(0.3)
    assert again.is_alive()
    assert not part.target.exists()
    left.communicate()
    again.join(30)
    assert part.is_there()


def of(name: str, after: str = "") -> Part:
    """A part of which only the name and what it is made of matter."""
    return Part(name, (), Path(name), (), after)


def test_parts_are_fetched_four_at_a_time() -> None:
    together = threading.Barrier(downloads.AT_A_TIME, timeout=30)

    def wait_for_the_others(_: Part) -> None:
        together.wait()

    downloads.fetch_all([of(str(number)) for number in range(2 * downloads.AT_A_TIME)], wait_for_the_others)
    assert not together.broken


def test_a_part_is_made_after_the_one_that_it_is_made_of() -> None:
    made: list[str] = []
    downloads.fetch_all([of("classes", after="jars"), of("jars"), of("other")], lambda part: made.append(part.name))
    assert sorted(made) == ["classes", "jars", "other"]
    assert made.index("jars") < made.index("classes")


def test_a_part_that_fails_ends_only_those_made_of_it() -> None:
    made: list[str] = []

    def make(part: Part) -> None:
        if part.name in {"jars", "server"}:
            raise SetupError(f"fetching {part.name} failed")
        made.append(part.name)

    with pytest.raises(SetupError) as caught:
        downloads.fetch_all([of("jars"), of("classes", after="jars"), of("server"), of("packages")], make)
    assert made == ["packages"]
    first, others = str(caught.value).splitlines()
    assert {first.split()[1], others.removeprefix("Failed too: ")} == {"jars", "server"}


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


def test_an_env_with_the_old_name_of_a_setting_gets_the_new_one(checkout: Path) -> None:
    with (checkout / ".env.example").open("a") as example:
        example.write("ENABLED_PIPELINES=clicks,game\nCOMPOSE_PROFILES=${ENABLED_PIPELINES}\n")
    old = "ENABLED_LINES=clicks\nCOMPOSE_PROFILES=${ENABLED_LINES},yarn\nPORT=1\nA_KEY=first\nB_KEY=second\n"
    (checkout / ".env").write_text(old)
    assert make_secrets(checkout).stdout == "ENABLED_LINES is now called ENABLED_PIPELINES: changed in .env\n"
    assert (checkout / ".env").read_text() == old.replace("ENABLED_LINES", "ENABLED_PIPELINES")
    assert make_secrets(checkout).stdout == ""


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
