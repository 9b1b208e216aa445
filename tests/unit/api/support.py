"""An API without Kafka: what would be published is kept, and a test can say what is not acknowledged."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Mapping, Sequence
from typing import Any

from api.collector import Collector, Reply
from api.publisher import Record
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
        self.records: list[Record] = []
        self.lost = dict(lost or {})

    async def publish(self, records: Sequence[Record]) -> dict[int, str]:
        """As the publisher's own."""
        self.records += records
        return self.lost

    def of(self, topic: str) -> list[Record]:
        """The records of a topic."""
        return [record for record in self.records if record.topic == topic]


class Api:
    """A collector and what it publishes to."""

    def __init__(self, kafka: Kafka | None = None, **values: Any) -> None:
        self.kafka = kafka or Kafka()
        self._collector = Collector(settings(**values), self.kafka.publish)

    def send(self, body: object, kind: str = PATH, address: str = "127.0.0.1", **headers: str) -> Reply:
        """The answer to a body: bytes as they are, anything else as JSON; headers with underscores for hyphens."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"content-type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
        if named.get("content-encoding") == "gzip" and not raw.startswith(b"\x1f"):
            raw = gzip.compress(raw)

        async def read(limit: int) -> bytes:
            return raw

        return asyncio.run(self._collector.collect(kind, named, address, read))


def told(reply: Reply) -> dict[str, Any]:
    """An answer's JSON."""
    return json.loads(reply.body)  # type: ignore[no-any-return]
