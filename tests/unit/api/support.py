"""An API without Kafka: what would be published is kept, and a test can say what is not acknowledged."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from typing import Any

from api.auth import Keys
from api.collect.collector import Collector
from api.collect.publisher import Done, OutgoingRecord
from api.http.messages import Reply, Request
from api.http.problems import ProblemError
from tests.support import settings

PATH = "ProductView"


def view(**changes: object) -> dict[str, Any]:
    """A product view without identity and time; a change to None leaves the field out."""
    event: dict[str, object] = {
        "event": "ProductView",
        "userid": "user-78",
        "properties": {"productid": "product-173"},
        "context": {"source": "desktop"},
    }
    return {name: value for name, value in (event | changes).items() if value is not None}


class Kafka:
    """Keeps the records; acknowledges all but those with an index in `lost`."""

    def __init__(self, lost: Mapping[int, str] | None = None) -> None:
        self.records: list[OutgoingRecord] = []
        self.lost = dict(lost or {})

    def publish(self, records: Sequence[OutgoingRecord], done: Done) -> None:
        """As the publisher's own."""
        self.records += records
        done(self.lost)

    def of(self, topic: str) -> list[OutgoingRecord]:
        """The records of a topic."""
        return [record for record in self.records if record.topic == topic]


class Api:
    """A collector and what it publishes to."""

    def __init__(self, kafka: Kafka | None = None, **values: Any) -> None:
        self.kafka = kafka or Kafka()
        own = settings(**values)
        self._collector = Collector(own, self.kafka.publish, Keys(own))

    def send(self, body: object, kind: str = PATH, address: str = "127.0.0.1", **headers: str) -> Reply:
        """The answer to a body: bytes as they are, anything else as JSON; headers with underscores for hyphens."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"content-type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
        if named.get("content-encoding") == "gzip" and not raw.startswith(b"\x1f"):
            raw = gzip.compress(raw)

        request = Request("POST", f"/v1/events/{kind}", "", named, address, raw)
        replies: list[Reply] = []
        try:
            self._collector.admit(kind, named, address)
            self._collector.collect(kind, request, replies.append)
        except ProblemError as problem:
            return self._collector.refuse(kind, request, problem)
        [reply] = replies
        return reply


def told(reply: Reply) -> dict[str, Any]:
    """An answer's JSON."""
    return json.loads(reply.body)  # type: ignore[no-any-return]
