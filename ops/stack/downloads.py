"""Fetches what the stack needs by the lock files and poms, each part once, several at a time, resumable."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from eventmill.config.errors import EventmillError
from eventmill.config.settings import ROOT, Settings
from ops.stack import java
from ops.stack.engines import ENGINES, service_environment

REQUIREMENTS = ROOT / "requirements"
AIRFLOW_ENV = ROOT / ".venv-airflow"
UV = Path(sys.executable).with_name("uv")
AT_A_TIME = 4
FIRST = ("spark", "spark-classes", "nifi", "yarn", "airflow", "hive", "presto", "mysql")
"""The parts that take longest, and what they wait for: begun first, so that none is left alone at the end."""


class SetupError(EventmillError):
    """A part could not be fetched; the message names it, its log's end and what to do."""


@dataclass
class Part:
    """One thing to fetch; `inputs` decide whether what is there is still right; it is made of the part `after`."""

    name: str
    inputs: tuple[Path, ...]
    target: Path
    command: tuple[str, ...]
    after: str = ""
    state: str = "waiting"
    seconds: float = 0.0

    def digest(self) -> str:
        """Changes whenever an input file's content or the command does."""
        total = hashlib.sha256(repr(self.command).encode())
        for path in self.inputs:
            total.update(path.read_bytes())
        return total.hexdigest()

    @property
    def stamp(self) -> Path:
        """The file that says for which inputs the target was made."""
        return self.target / ".fetched"

    def is_there(self) -> bool:
        """True if the target was made from these very inputs."""
        return self.stamp.is_file() and self.stamp.read_text() == self.digest()


PACKAGES = {"mvn": "maven", "ab": "apache2-utils"}
"""Commands that the project calls, and the Debian packages that bring them."""


def install_system_packages(settings: Settings) -> None:
    """Install the JDK, Maven and Apache Bench by apt when they are missing and we may.

    Raises:
        SetupError: naming the exact command when we may not.
    """
    missing = [package for command, package in PACKAGES.items() if not shutil.which(command)]
    try:
        java.find_java(settings)
    except java.JavaError:
        if settings.java_home is not None:
            raise
        missing.insert(0, java.PACKAGE)
    if missing:
        install(missing)


def install(packages: Sequence[str]) -> None:
    """Install these Debian packages when we may.

    Raises:
        SetupError: naming the exact command when we may not.
    """
    if os.geteuid() == 0:
        prefix: tuple[str, ...] = ()
    elif shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        prefix = ("sudo", "-n")
    else:
        raise SetupError(f"{' and '.join(packages)} missing; run: sudo apt-get install {' '.join(packages)}")
    _apt(prefix, "update")
    _apt(prefix, "install", "-y", "--no-install-recommends", *packages)


def _apt(prefix: tuple[str, ...], *arguments: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run([*prefix, "apt-get", "-q", *arguments], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SetupError(f"apt-get {' '.join(arguments)} failed: {done.stderr.strip().splitlines()[-1]}")


def parts(settings: Settings) -> list[Part]:
    """Everything to fetch: Airflow's environment, each engine's files, and what is made of those."""
    engines = [part for folder in sorted(ENGINES.glob("*/")) if (part := _engine(folder, settings))]
    return [_airflow(), *engines, _spark_classes(settings)]


def _airflow() -> Part:
    lock, script = REQUIREMENTS / "airflow.txt", ENGINES / "venv"
    return Part("airflow", (lock, script), AIRFLOW_ENV, (str(script), str(lock), str(AIRFLOW_ENV)))


def _spark_classes(settings: Settings) -> Part:
    """The archive of classes; it's of no use to another Java or with other jars."""
    spark = ENGINES / "spark"
    inputs = (spark / "archive", spark / "warm_up.py", spark / "pom.xml", REQUIREMENTS / "platform.txt")
    java_release = java.find_java(settings) / "release"
    command = (str(spark / "archive"),)
    return Part("spark-classes", (*inputs, java_release), settings.lib_dir / "spark-classes", command, after="spark")


def _engine(folder: Path, settings: Settings) -> Part | None:
    """The part that `engines/fetch` brings; None for an engine that needs nothing but Python."""
    target = settings.lib_dir / folder.name
    poms, sources = sorted(folder.rglob("pom.xml")), sorted(folder.rglob("*.java"))
    scripts = [ENGINES / "fetch", *folder.glob("fetch")]
    if not poms and len(scripts) == 1:
        return None
    if poms:
        scripts.append(ENGINES / "maven")
    locks = list(REQUIREMENTS.glob(f"{folder.name}.txt"))
    command = (str(ENGINES / "fetch"), folder.name)
    return Part(folder.name, (*scripts, *poms, *sources, *locks), target, command)


def fetch(settings: Settings, on_change: Callable[[list[Part]], None] = lambda _: None) -> list[Part]:
    """Fetch what is missing, AT_A_TIME parts at once; a line a part goes to logs/setup.log.

    Raises:
        SetupError: for the first part that failed, naming the others that did; what was fetched stays.
    """
    todo = [part for part in parts(settings) if not part.is_there()]
    todo.sort(key=lambda part: FIRST.index(part.name) if part.name in FIRST else len(FIRST))
    environment = os.environ | service_environment(settings) | {"UV": str(UV), "UV_SYSTEM_CERTS": "1"}
    logs = settings.state_dir / "logs"
    fetch_all(todo, lambda part: _fetch_part(part, environment, logs, lambda: on_change(todo)))
    return todo


def fetch_all(todo: Sequence[Part], fetch_one: Callable[[Part], None]) -> None:
    """Fetch each part once the part that it is made of is there; a failure ends none but those made of what failed.

    Raises:
        SetupError: the first failure, naming the other parts that failed.
    """
    waiting = list(todo)
    running: dict[Future[None], Part] = {}
    failures: list[tuple[Part, SetupError]] = []
    with ThreadPoolExecutor(max_workers=AT_A_TIME) as pool:
        while waiting or running:
            awaited = {part.name for part in [*waiting, *running.values(), *(failed for failed, _ in failures)]}
            for part in [part for part in waiting if part.after not in awaited][: AT_A_TIME - len(running)]:
                waiting.remove(part)
                running[pool.submit(fetch_one, part)] = part
            if not running:  # the others are made of a part that failed
                break
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                part = running.pop(done)
                if isinstance(error := done.exception(), SetupError):
                    failures.append((part, error))
                else:
                    done.result()
    if failures:
        others = ", ".join(part.name for part, _ in failures[1:])
        raise SetupError(f"{failures[0][1]}" + (f"\nFailed too: {others}" if others else ""))


def _fetch_part(part: Part, environment: dict[str, str], logs: Path, changed: Callable[[], None]) -> None:
    """Run the part's command; its log is locked until the command ends, also when this process is killed before it."""
    log = logs / f"setup-{part.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    part.target.parent.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with log.open("a") as out:
        fcntl.flock(out, fcntl.LOCK_EX)
        code = 0
        if not part.is_there():  # another `make setup` may have fetched it meanwhile
            out.truncate(0)
            _set_state(part, "fetching", logs, changed)
            code = subprocess.run(part.command, env=environment, stdout=out, stderr=out).returncode
            if not code:
                part.stamp.write_text(part.digest())
    part.seconds = time.monotonic() - begun
    _set_state(part, "failed" if code else "there", logs, changed)
    if code:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise SetupError(
            f"fetching {part.name} failed (exit {code}); run `make setup` again to go on.\n{tail}\nAll of it: {log}"
        )


def _set_state(part: Part, state: str, logs: Path, changed: Callable[[], None]) -> None:
    part.state = state
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with (logs / "setup.log").open("a") as log:
        log.write(f"{now} {part.name} {state}{f' after {part.seconds:.0f} s' if part.seconds else ''}\n")
    changed()
