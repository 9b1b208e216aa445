"""Reading HDFS over its REST interface, for programs that have no Java."""

from __future__ import annotations

import json
from typing import Any

import requests

from eventmill.settings import Settings

TIMEOUT = 30
NOT_FOUND = 404


def names(settings: Settings, folder: str) -> list[str]:
    """The names of what a folder holds, sorted; none when it is not there."""
    reply = _get(settings, folder, "LISTSTATUS")
    if reply.status_code == NOT_FOUND:
        return []
    reply.raise_for_status()
    return sorted(status["pathSuffix"] for status in reply.json()["FileStatuses"]["FileStatus"])


def read_json(settings: Settings, path: str) -> Any:
    """The JSON value that a file holds."""
    return json.loads(read(settings, path))


def read(settings: Settings, path: str) -> bytes:
    """What a file holds."""
    reply = _get(settings, path, "OPEN")
    reply.raise_for_status()
    return reply.content


def delete(settings: Settings, path: str) -> None:
    """Delete a file, or a folder with all that it holds; one that is not there is no error."""
    url = f"http://{settings.hdfs_host}:{settings.hdfs_http_port}/webhdfs/v1{path}"
    requests.delete(url, params={"op": "DELETE", "recursive": "true"}, timeout=TIMEOUT).raise_for_status()


def _get(settings: Settings, path: str, operation: str) -> requests.Response:
    url = f"http://{settings.hdfs_host}:{settings.hdfs_http_port}/webhdfs/v1{path}"
    return requests.get(url, params={"op": operation}, timeout=TIMEOUT)
