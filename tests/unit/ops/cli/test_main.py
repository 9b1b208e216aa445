"""The command line: what it knows, how it speaks, and that its help comes at once."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest
import typer

from eventmill.config import settings
from eventmill.config.settings import ROOT
from ops.cli import main
from tests.support import SECRETS
from tests.support import settings as settings_with


class Done(NamedTuple):
    """How a call of the command line ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def eventmill(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Callable[..., Done]]:
    """A function that calls the command line, with settings as keywords."""

    def call(*arguments: str, **environment: str) -> Done:
        secrets = {name.upper(): value for name, value in SECRETS.items()}
        for name, value in (secrets | {"STATE_DIR": str(tmp_path / "state")} | environment).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["eventmill", *arguments])
        settings.load.cache_clear()
        with pytest.raises(SystemExit) as ended:
            main.main()
        shown = capsys.readouterr()
        return Done(int(ended.value.code or 0), shown.out, shown.err)

    yield call
    settings.load.cache_clear()


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_is_where_the_list_says_and_explains_itself(name: str) -> None:
    command = main.load_command(name)
    assert command.name == name
    assert command.help


@pytest.mark.parametrize("module", sorted({entry.module for entry in main.COMMANDS.values()}))
def test_every_command_of_a_module_is_in_the_list(module: str) -> None:
    named = {name for name, entry in main.COMMANDS.items() if entry.module == module}
    commands = main.module_of(next(iter(named)))
    app = typer.Typer()
    commands.register(app)
    assert {command.name for command in typer.main.get_group(app).commands.values()} == named


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_is_in_the_docs(name: str) -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert re.search(rf"^\|.*`{name}\b.*\|$", page, re.MULTILINE)


def test_every_command_that_the_docs_name_exists() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    assert set(re.findall(r"(?:`|\$ )(?:[A-Z_]+=\S+ )?eventmill ([a-z]+)", text)) - set(main.COMMANDS) == set()


def test_help_shows_every_command_and_loads_none() -> None:
    code = (
        "import sys\nsys.argv = ['eventmill', '--help']\nfrom ops.cli import main\n"
        "try:\n    main.main()\nfinally:\n    print([m for m in sys.modules if m.split('.')[0] in "
        "('rich', 'pydantic', 'kafka', 'requests', 'numpy', 'pyspark') or "
        "m.startswith('ops.') and m not in ('ops.cli', 'ops.cli.main')])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert all(f"  {name} " in shown for name in main.COMMANDS)
    assert shown.rstrip().endswith("[]")


@pytest.mark.parametrize("group", ["topics", "generate", "send", "rejected", "jobs"])
def test_a_group_shows_its_commands(eventmill: Callable[..., Done], group: str) -> None:
    done = eventmill(group, "--help")
    assert done.code == 0
    assert "Commands:" in done.out


def test_an_unknown_command_is_named_with_what_is_like_it(eventmill: Callable[..., Done]) -> None:
    done = eventmill("topic")
    assert done.code == 2
    assert "No such command 'topic'. Did you mean 'topics'?" in done.err


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (["topics", "list"], {"KAFKA_PORT": "seven"}, "error: setting KAFKA_PORT: "),
        (["query", "top-products", "--set", "day"], {}, "error: --set takes name=value, not 'day'"),
        (["query", "top-products", "--set", "hour=7"], {}, "error: top-products has no parameter 'hour'; "),
        (
            ["query", "top-products", "--set", "day=tomorrow"],
            {},
            "error: top-products: day='tomorrow' is not a day",
        ),
        (["query", "top-products", "--set", "top=0"], {}, "error: top-products: top='0' is not a whole number from 1"),
        (["up", "nosuch"], {}, "error: no service is called 'nosuch'; there are kafka, namenode, "),
        (["key", "two words"], {}, "error: name 'two words': a client's name has letters from A to Z, digits"),
        (["generate", "clicks", "--late", "7"], {}, "error: share '7': give a percentage from 0% to 100%"),
        (["generate", "clicks", "--out", "/nowhere/c.json"], {}, "error: there is no folder /nowhere"),
        (["generate", "clicks", "--start", "2999-01-01"], {}, "error: start 2999-01-01"),
        (["send", "clicks", "/nowhere/c.json", "--no-wait"], {}, "error: there is no file /nowhere/c.json"),
        (["rejected", "show", "click", "0-1"], {}, "error: no topic 'click' has rejected records; there are clicks, "),
        (["rejected", "edit", "clicks", "17"], {}, "error: '17' is no id of a rejected record"),
        (["rejected", "replay", "clicks"], {}, "error: say which records to replay"),
        (["rejected", "replay", "clicks", "0-1", "--all"], {}, "error: say which records to replay"),
        (["sql", "mysql", "SELECT 1"], {"MYSQL_PORT": "1"}, "error: MySQL: "),
        (["sql", "hive", "SELECT 1"], {"HIVE_SERVER_PORT": "1"}, "error: HiveServer2: "),
        (["verify", "--truth", "/nowhere/t.json"], {}, "error: cannot read the truth file /nowhere/t.json"),
        (["verify", "shop"], {}, "error: no pipeline is called 'shop'; there are clicks, game, carts"),
        (["verify"], {"HDFS_HTTP_PORT": "1"}, "error: no answer from http://127.0.0.1:1/webhdfs"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_goes_wrong_is_one_sentence(
    eventmill: Callable[..., Done], arguments: list[str], environment: dict[str, str], sentence: str
) -> None:
    done = eventmill(*arguments, **environment)
    assert done.code == 1
    assert done.err.startswith(sentence)
    assert len(done.err.splitlines()) == 1


def test_the_stack_trace_is_there_for_who_asks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVENTMILL_DEBUG", "1")
    monkeypatch.setenv("KAFKA_PORT", "seven")
    monkeypatch.setattr(sys, "argv", ["eventmill", "topics", "list"])
    settings.load.cache_clear()
    with pytest.raises(SystemExit, match="1"):
        main.main()
    trace = capsys.readouterr().err
    assert trace.startswith("Traceback")
    assert "SettingsError: setting KAFKA_PORT: " in trace


def test_an_error_that_nobody_foresaw_is_not_hidden(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(main, "app", broken)
    with pytest.raises(SystemExit, match="1"):
        main.main()
    assert capsys.readouterr().err.endswith("    raise ZeroDivisionError\nZeroDivisionError\n")


def test_a_key_is_shown_with_the_pair_that_the_api_takes(eventmill: Callable[..., Done]) -> None:
    shown = [line.rpartition(" ")[2] for line in eventmill("key", "shop").out.splitlines()]
    again = [line.rpartition(" ")[2] for line in eventmill("key", "shop").out.splitlines()]
    key, pair = shown
    assert key != again[0]
    assert settings_with(api_keys=pair).api_keys == pair == f"shop:{sha256(key.encode()).hexdigest()}"


def test_generate_writes_both_files(eventmill: Callable[..., Done], tmp_path: Path) -> None:
    clicks, truth = tmp_path / "clicks.json", tmp_path / "truth.json"
    where = ("--out", str(clicks), "--truth", str(truth))
    done = eventmill("generate", "clicks", "--count", "500", "--format", "array", "--broken", "10%", *where)
    assert done.code == 0, done.err
    assert len(json.loads(clicks.read_bytes())) == json.loads(truth.read_bytes())["lines"]
    assert "50 broken" in done.out


def test_send_without_waiting_needs_no_kafka(eventmill: Callable[..., Done], tmp_path: Path) -> None:
    file = tmp_path / "clicks.json"
    file.write_text("{}")
    first, second = (eventmill("send", "clicks", str(file), "--no-wait") for _ in range(2))
    assert "lies in the inbox as" in first.out
    assert "was sent before" in second.out
    assert first.code == second.code == 0
