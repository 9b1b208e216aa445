"""A 202 that is always the same, from the API's own server: what no route can beat.

python -m bench.static PORT WORKERS
"""

from __future__ import annotations

import sys

from api.http.exchange import Application, Receive, Scope, Send
from api.http.server import serve

BODY = b'{"accepted":1,"ids":["02774bbb-0490-4f36-a5f4-50357f4c5022"],"received":"2026-11-22T22:10:58Z","errors":[]}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


def app() -> Application:
    """The application."""
    return _answer


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await receive()
        await send({"type": "http.response.start", "status": 202, "headers": HEADERS})
        await send({"type": "http.response.body", "body": BODY})


if __name__ == "__main__":
    serve("bench.static:app", int(sys.argv[1]), int(sys.argv[2]))
