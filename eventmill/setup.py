"""Fetches what the stack needs by the lock files and poms, each part once, in parallel, resumable."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from eventmill import java
from eventmill.engines import ENGINES, service_environment
from eventmill.settings import ROOT, Settings

REQUIREMENTS = ROOT / "requirements"
AIRFLOW_ENV = ROOT / ".venv-airflow"
UV = Path(sys.executable).with_name("uv")


class SetupError(RuntimeError):
    """A part could not be fetched; the message names it, its log's end and what to do."""


@dataclass
class Part:
    """One thing to fetch; `inputs` decide whether what is there is still right, parts of one lane take turns."""

    name: str
    lane: str
    inputs: tuple[Path, ...]
    target: Path
    command: tuple[str, ...]
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
        """Whether the target was made from these very inputs."""
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
        java.find(settings)
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
    return Part("airflow", "python", (lock, script), AIRFLOW_ENV, (str(script), str(lock), str(AIRFLOW_ENV)))


def _spark_classes(settings: Settings) -> Part:
    """The archive of classes; it's of no use to another Java or with other jars."""
    spark = ENGINES / "spark"
    inputs = (spark / "archive", spark / "warm_up.py", spark / "pom.xml", REQUIREMENTS / "platform.txt")
    java_release = java.find(settings) / "release"
    command = (str(spark / "archive"),)
    # In the lane of the jars, after them.
    return Part("spark-classes", "maven", (*inputs, java_release), settings.lib_dir / "spark-classes", command)


def _engine(folder: Path, settings: Settings) -> Part | None:
    """What `engines/fetch` brings; None for an engine that needs nothing but Python."""
    target = settings.lib_dir / folder.name
    poms, sources = sorted(folder.rglob("pom.xml")), sorted(folder.rglob("*.java"))
    scripts = [ENGINES / "fetch", *folder.glob("fetch")]
    if not poms and len(scripts) == 1:
        return None
    locks = list(REQUIREMENTS.glob(f"{folder.name}.txt"))
    command = (str(ENGINES / "fetch"), folder.name)
    return Part(folder.name, "maven" if poms else "apt", (*scripts, *poms, *sources, *locks), target, command)


def fetch(settings: Settings, on_change: Callable[[list[Part]], None] = lambda _: None) -> list[Part]:
    """Fetch what is missing; parts of one lane run one after another, the lanes side by side.

    Raises:
        SetupError: for the first part that failed; what other parts fetched stays.
    """
    todo = [part for part in parts(settings) if not part.is_there()]
    environment = os.environ | service_environment(settings) | {"UV": str(UV), "UV_SYSTEM_CERTS": "1"}
    lanes = {part.lane: [p for p in todo if p.lane == part.lane] for part in todo}

    def run_lane(lane: list[Part]) -> None:
        for part in lane:
            _fetch_part(part, environment, settings.state_dir / "logs", lambda: on_change(todo))

    with ThreadPoolExecutor(max_workers=max(len(lanes), 1)) as pool:
        for outcome in [pool.submit(run_lane, lane) for lane in lanes.values()]:
            outcome.result()
    return todo


def _fetch_part(part: Part, environment: dict[str, str], logs: Path, changed: Callable[[], None]) -> None:
    part.state = "fetching"
    changed()
    log = logs / f"setup-{part.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    part.target.parent.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with log.open("w") as out:
        code = subprocess.run(part.command, env=environment, stdout=out, stderr=out).returncode
    part.seconds = time.monotonic() - begun
    part.state = "failed" if code else "there"
    changed()
    if code:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise SetupError(
            f"fetching {part.name} failed (exit {code}); run `make setup` again to go on.\n{tail}\nAll of it: {log}"
        )
    part.stamp.write_text(part.digest())
