"""Finds the Java Development Kit that the engines run on."""

from __future__ import annotations

import re
from pathlib import Path

from eventmill.config.errors import EventmillError
from eventmill.config.settings import Settings

WANTED = 17
INSTALLED = Path("/usr/lib/jvm")


class JavaError(EventmillError):
    """No usable Java; the message says why and what to do."""


def version(home: Path) -> int | None:
    """The major version that the kit's `release` file names, or None when it has none."""
    release = home / "release"
    found = re.search(r'^JAVA_VERSION="(\d+)', release.read_text(), re.MULTILINE) if release.is_file() else None
    return int(found.group(1)) if found else None


def refusal(home: Path) -> str | None:
    """Why the kit in this folder cannot work, or None when it can."""
    if not (home / "bin" / "java").is_file():
        return f"{home} has no bin/java"
    if (found := version(home)) != WANTED:
        return f"{home} is Java {found or 'of unknown version'}, and the engines need {WANTED}"
    if not (home / "bin" / "javac").is_file():
        return f"{home} has no javac: it is a runtime, and Sqoop needs the development kit"
    return None


def find_java(settings: Settings) -> Path:
    """The home of a Java 17 kit: JAVA_HOME when it is set, else the system's.

    Raises:
        JavaError: when JAVA_HOME cannot work, or no kit is installed.
    """
    if settings.java_home is not None:
        if reason := refusal(settings.java_home):
            raise JavaError(f"JAVA_HOME cannot be used: {reason}; unset it or name a JDK {WANTED}")
        return settings.java_home
    homes = sorted(INSTALLED.glob("*/")) if INSTALLED.is_dir() else []
    for home in homes:
        if refusal(home) is None:
            return home.resolve()
    raise JavaError(f"no Java {WANTED} development kit is installed; run: sudo apt-get install {PACKAGE}")


PACKAGE = f"openjdk-{WANTED}-jdk-headless"
