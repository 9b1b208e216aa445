"""HDFS over its REST interface, for programs that have no Java."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any, NamedTuple
from uuid import uuid4

import requests

from eventmill.config.errors import EventmillError
from eventmill.config.settings import Settings

TIMEOUT = 30
BRING_TIMEOUT = 600
NOT_FOUND = 404


class HdfsError(EventmillError):
    """HDFS did not do what was asked; the message says what."""


class FileStatus(NamedTuple):
    """An entry of a folder: its name, its size in bytes (none for a folder), and its time, in milliseconds."""

    name: str
    size: int
    modified: int = 0

    @property
    def is_hidden(self) -> bool:
        """True if Hive, Presto and Spark ignore a file of that name."""
        return self.name.startswith((".", "_"))


def entries(settings: Settings, folder: str) -> list[FileStatus]:
    """Entries of a folder, by name; none when it is not there."""
    reply = _get(settings, folder, "LISTSTATUS")
    if reply.status_code == NOT_FOUND:
        return []
    reply.raise_for_status()
    found = reply.json()["FileStatuses"]["FileStatus"]
    return sorted(FileStatus(status["pathSuffix"], status["length"], status["modificationTime"]) for status in found)


def names(settings: Settings, folder: str) -> list[str]:
    """The names of what a folder holds, sorted; none when it is not there."""
    return [entry.name for entry in entries(settings, folder)]


def read_json(settings: Settings, path: str) -> Any:
    """The JSON value that a file holds."""
    return json.loads(read(settings, path))


def read(settings: Settings, path: str) -> bytes:
    """Content of a file."""
    reply = _get(settings, path, "OPEN")
    reply.raise_for_status()
    return reply.content


def bring(settings: Settings, file: Path, path: str) -> None:
    """Copy a file of this machine; whoever looks sees all of it or none.

    Raises:
        HdfsError: when there is a file of that name.
    """
    with file.open("rb") as content:
        aside = _aside(settings, content, path)
    try:
        rename(settings, aside, path)
    except HdfsError:
        delete(settings, aside)
        raise


def write(settings: Settings, content: bytes, path: str) -> None:
    """Write a small file in place of the one that may be there; whoever looks sees the old one or the new one."""
    aside = _aside(settings, content, path)
    _put(settings, aside, {"op": "RENAME", "destination": path, "renameoptions": "OVERWRITE"})


def _aside(settings: Settings, content: IO[bytes] | bytes, path: str) -> str:
    """Write a file beside a path, under a name that readers of tables leave aside; returns where."""
    folder, _, name = path.rpartition("/")
    aside = f"{folder}/.{name}.{uuid4()}"
    parameters = {"op": "CREATE", "overwrite": "true"}
    answer = requests.put(_url(settings, aside), params=parameters, allow_redirects=False, timeout=TIMEOUT)
    answer.raise_for_status()
    requests.put(answer.headers["Location"], data=content, timeout=BRING_TIMEOUT).raise_for_status()
    return aside


def exists(settings: Settings, path: str) -> bool:
    """True if there is such a file or folder."""
    answer = _get(settings, path, "GETFILESTATUS")
    if answer.status_code == NOT_FOUND:
        return False
    answer.raise_for_status()
    return True


def delete(settings: Settings, path: str) -> None:
    """Delete a file, or a folder with all that it holds; one that is not there is no error."""
    parameters = {"op": "DELETE", "recursive": "true"}
    requests.delete(_url(settings, path), params=parameters, timeout=TIMEOUT).raise_for_status()


def make_folder(settings: Settings, path: str) -> None:
    """Make a folder and those above it; one that is there is no error."""
    _put(settings, path, {"op": "MKDIRS"})


def rename(settings: Settings, path: str, target: str) -> None:
    """Give a file or folder another name, at once.

    Raises:
        HdfsError: when it is not there, or something has that name.
    """
    if not _put(settings, path, {"op": "RENAME", "destination": target}):
        raise HdfsError(f"HDFS does not rename {path} to {target}: is it there, and nothing of that name?")


def _put(settings: Settings, path: str, parameters: dict[str, str]) -> bool:
    """The NameNode's answer to a change; none to a RENAME with options that succeeded."""
    reply = requests.put(_url(settings, path), params=parameters, timeout=TIMEOUT)
    reply.raise_for_status()
    return bool(reply.json()["boolean"]) if reply.content else True


def _get(settings: Settings, path: str, operation: str) -> requests.Response:
    return requests.get(_url(settings, path), params={"op": operation}, timeout=TIMEOUT)


def _url(settings: Settings, path: str) -> str:
    return f"http://{settings.hdfs_host}:{settings.hdfs_http_port}/webhdfs/v1{path}"
