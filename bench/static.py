"""A 202 that is always the same, from the API's own server: what no route can beat.

granian --interface asginl --workers 2 bench.static:app
"""

from __future__ import annotations

from api.exchange import Receive, Scope, Send

BODY = b'{"accepted":1,"ids":["02774bbb-0490-4f36-a5f4-50357f4c5022"],"received":"2026-11-22T22:10:58Z","errors":[]}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer."""
    if scope["type"] == "http":
        await receive()
        await send({"type": "http.response.start", "status": 202, "headers": HEADERS})
        await send({"type": "http.response.body", "body": BODY})
