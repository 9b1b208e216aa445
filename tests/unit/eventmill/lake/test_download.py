"""Downloads are whole or not there."""

import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import requests

from eventmill.lake import download

BODIES = {"/clicks.json": b'{"event":"ProductView"}\n' * 100_000, "/empty.json": b"", "/short.json": b"{}"}


class Shop(BaseHTTPRequestHandler):
    """Serves the bodies; of `/short.json` it promises more than it sends."""

    def do_GET(self) -> None:
        """Answer by path."""
        body = BODIES.get(self.path)
        self.send_response(404 if body is None else 200)
        promised = len(body or b"") + (1000 if self.path == "/short.json" else 0)
        self.send_header("Content-Length", str(promised))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, format: str, *args: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def shop() -> Iterator[str]:
    """The address of a running shop."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_download_is_what_the_server_has(shop: str, tmp_path: Path) -> None:
    target = tmp_path / "run" / "clicks.json"
    assert download.download(f"{shop}/clicks.json", target) == target
    assert target.read_bytes() == BODIES["/clicks.json"]
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("empty.json", download.DownloadError, "empty.json is empty"),
        ("short.json", requests.RequestException, "1000 more expected"),
        ("missing.json", requests.HTTPError, "404"),
    ],
)
def test_a_bad_download_leaves_what_was_there(
    shop: str, tmp_path: Path, name: str, error: type[Exception], said: str
) -> None:
    target = tmp_path / "clicks.json"
    target.write_text("old")
    with pytest.raises(error, match=said):
        download.download(f"{shop}/{name}", target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_only_the_newest_landings_are_kept(tmp_path: Path) -> None:
    for age, name in enumerate(["b", "c", "a"]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "clicks.json").touch()
        os.utime(tmp_path / name, (age, age))
    download.prune(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c"]
    download.prune(tmp_path, 2)
    assert len(list(tmp_path.iterdir())) == 2
