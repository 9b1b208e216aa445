"""The page at `/`: which pages of the stack answer, where the records of each pipeline are, and what is wrong.

It's asked for every few seconds by everyone who looks; the engines are asked once for all of them, each in the
background and for a few seconds at most.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from flask import Blueprint, Response, request, send_from_directory

from api.auth import Keys
from api.collect import request_body
from api.pages import STATIC, harden
from eventmill.airflow.rest_client import Run
from eventmill.spark.job_state import JobState

FILES = ("overview.js", "overview.css")


class Page(msgspec.Struct, frozen=True):
    """A web page of the stack, and whether it answers."""

    name: str
    about: str
    address: str
    answers: bool


class Path(msgspec.Struct, frozen=True):
    """Counts of a pipeline's records. Unless there is a difference, `accepted` is `stored`, `rejected`, `late`,
    `duplicates` and `waiting` together.

    Attributes:
        topic: of Kafka, where the pipeline begins.
        accepted: records that Kafka has taken, by its offsets.
        stored: in the tables, `rejected` against the contract, `late`, `duplicates`, all as the job counts them.
        waiting: those that the pipeline's job has still to process.
        rejected_at_entry: records that never came to the topic, by who held them back: `api`, `nifi`.
        difference: records that Kafka has taken and the job has not counted; below 0 when it has counted more.
        unchecked: offsets in Kafka that are still to be read before the difference is known; it is 0 until then.
        acknowledged: events that the API has acknowledged since it was started; Kafka must hold them.
    """

    pipeline: str = msgspec.field(name="line")  # the name in JSON, which monitors read
    topic: str
    accepted: int
    stored: int
    rejected: int
    late: int
    duplicates: int
    waiting: int
    rejected_at_entry: dict[str, int] = {}
    difference: int = 0
    unchecked: int = 0
    acknowledged: int = 0


class Disk(msgspec.Struct, frozen=True):
    """The fullest disk of the state folder, in bytes: with less than `reserve` free, nothing new is taken."""

    free: int
    size: int
    reserve: int


class Overview(msgspec.Struct, frozen=True):
    """All pages, the pipelines of which Kafka and HDFS tell, the jobs that were started, each DAG's latest run.

    Attributes:
        reasons: what is wrong, a sentence each; none when all is well.
    """

    pages: list[Page]
    pipelines: list[Path] = msgspec.field(name="lines")
    jobs: list[JobState] = []
    dags: list[Run] = []
    reasons: list[str] = []
    disk: Disk | None = None


def overview(look: Callable[[], Overview], keys: Keys) -> Blueprint:
    """The page with its files, and what it asks for."""
    blueprint = Blueprint("overview", __name__)

    @blueprint.get("/")
    def page() -> Response:
        return send_from_directory(STATIC, "overview.html")

    @blueprint.get(f"/<any({','.join(map(repr, FILES))}):name>")
    def file(name: str) -> Response:
        return send_from_directory(STATIC, name)

    @blueprint.get("/v1/overview")
    def now() -> Response:
        keys.admit({name.lower(): value for name, value in request.headers.items()}, request.remote_addr or "")
        return Response(msgspec.json.encode(look()), mimetype=request_body.JSON, headers={"Cache-Control": "no-store"})

    blueprint.after_request(harden)
    return blueprint
