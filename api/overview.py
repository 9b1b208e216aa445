"""The page at `/`: where all pages of the stack are and whether they answer, and how far each line's records have come.

It's asked for every few seconds by everyone who looks; the engines are asked once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from threading import Lock
from time import monotonic
from typing import Any

import msgspec
import requests
from flask import Blueprint, Response, request, send_from_directory

from api import bodies
from api.keys import Keys
from api.pages import harden
from eventmill import batches, links, progress, reader, webhdfs
from eventmill.links import Link
from eventmill.settings import Settings

FILES = ("overview.js", "overview.css")
FRESH_SECONDS = 3.0
ANSWER_SECONDS = 2.0


class Page(msgspec.Struct, frozen=True):
    """A web page of the stack, and whether it answers."""

    name: str
    about: str
    address: str
    answers: bool


class Path(msgspec.Struct, frozen=True):
    """How far the records of a line have come.

    Attributes:
        topic: of Kafka, where the line begins.
        accepted: records that Kafka has taken, all of them those below together.
        stored: those in the line's tables, `rejected` against the contract, `late`, `duplicates`.
        waiting: those that the line's job has still to process.
    """

    line: str
    topic: str
    accepted: int
    stored: int
    rejected: int
    late: int
    duplicates: int
    waiting: int


class Overview(msgspec.Struct, frozen=True):
    """All pages and lines; `problem` says which lines are missing and why."""

    pages: list[Page]
    lines: list[Path]
    problem: str | None = None


class Overviews:
    """Asks the engines; whoever comes soon after, or meanwhile, gets what they said last."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._links = links.links(settings)
        self._asking = Lock()
        self._last: Overview | None = None
        self._until = 0.0

    def now(self) -> Overview:
        """What the engines say, or said a few seconds ago."""
        if self._asking.acquire(blocking=self._last is None):
            try:
                if self._last is None or monotonic() > self._until:
                    self._last = self._ask()
                    self._until = monotonic() + FRESH_SECONDS
            finally:
                self._asking.release()
        assert self._last is not None
        return self._last

    def _ask(self) -> Overview:
        with ThreadPoolExecutor(len(self._links)) as pool:
            asked = [pool.submit(_page, self._settings, link) for link in self._links]
            lines, problem = self._lines()
            return Overview([page.result() for page in asked], lines, problem)

    def _lines(self) -> tuple[list[Path], str | None]:
        from confluent_kafka import KafkaException

        try:
            with reader.consumer(self._settings) as client:
                return self._each(client)
        except KafkaException as error:
            return [], f"Kafka is away: {error.args[0].str()}"
        except requests.ConnectionError as error:
            return [], f"HDFS is away: {error}"

    def _each(self, client: Any) -> tuple[list[Path], str | None]:
        """The lines of which all is there, and what the others lack."""
        paths, problems = [], []
        for line in self._settings.lines:
            try:
                paths.append(_path(self._settings, client, line))
            except requests.ConnectionError:
                raise
            except (reader.TopicError, requests.RequestException) as error:
                problems.append(f"{line}: {error}")
        return paths, "; ".join(problems) or None


def _page(settings: Settings, link: Link) -> Page:
    try:
        answer = requests.get(link.asked(), timeout=ANSWER_SECONDS, allow_redirects=False)
        answers = answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
    except requests.RequestException:
        answers = False
    return Page(link.name, link.about, link.address(settings), answers)


def _path(settings: Settings, client: Any, line: str) -> Path:
    """What the newest batch of the line's job has counted, and what Kafka holds behind it."""
    topic, batch = progress.topic(settings, line), progress.newest_commit(settings, line)
    done: progress.Offsets = {}
    totals = {}
    if batch is not None:
        done = progress.offsets(settings, line, topic, batch)
        totals = webhdfs.read_json(settings, f"{batches.states(line)}/{batch}/state.json")["totals"]
    ends = {number: held.end for number, held in reader.bounds(client, topic).items()}
    waiting = progress.behind(done, ends)
    counts = {name: totals.get(name, 0) for name in ("stored", "rejected", "late", "duplicates")}
    return Path(line, topic, sum(counts.values()) + waiting, waiting=waiting, **counts)


def overview(look: Callable[[], Overview], keys: Keys) -> Blueprint:
    """The page with its files, and what it asks for."""
    blueprint = Blueprint("overview", __name__)
    folder = f"{blueprint.root_path}/static"

    @blueprint.get("/")
    def page() -> Response:
        return send_from_directory(folder, "overview.html")

    @blueprint.get(f"/<any({','.join(map(repr, FILES))}):name>")
    def file(name: str) -> Response:
        return send_from_directory(folder, name)

    @blueprint.get("/v1/overview")
    def now() -> Response:
        keys.admit({name.lower(): value for name, value in request.headers.items()}, request.remote_addr or "")
        return Response(msgspec.json.encode(look()), mimetype=bodies.JSON, headers={"Cache-Control": "no-store"})

    blueprint.after_request(harden)
    return blueprint
