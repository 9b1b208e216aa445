"""A 202 that is always the same, from the API's own server: what no route can beat.

gunicorn --worker-class api.worker.Worker --workers 2 'bench.static:create_app()'
"""

from __future__ import annotations

from http import HTTPStatus

from api.messages import Reply, Request, Respond
from api.problems import ProblemError

REPLY = Reply(
    HTTPStatus.ACCEPTED,
    {"Content-Type": "application/json"},
    b'{"accepted":1,"ids":["02774bbb-0490-4f36-a5f4-50357f4c5022"],"received":"2026-11-22T22:10:58.289662Z","errors":[]}',
)


class Static:
    """The application (`api.worker.Service`)."""

    seconds = 10.0
    head_bytes = 65_536

    async def start(self) -> None:
        """Nothing."""

    async def stop(self) -> None:
        """Nothing."""

    def admit(self, request: Request) -> int:  # noqa: ARG002
        """Let all in."""
        return 1_000_000

    def refuse(self, request: Request, problem: ProblemError) -> Reply:  # noqa: ARG002
        """The problem."""
        return Reply.of(problem)

    def __call__(self, request: Request, respond: Respond) -> None:  # noqa: ARG002
        """Answer."""
        respond(REPLY)


def create_app() -> Static:
    """The application."""
    return Static()
