"""Game events sent to the event API while something happens to it."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec
import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

BATCH = 500
PATIENCE = 180


class Load:
    """Events of one player in batches, some of them broken; every batch is sent until it's answered."""

    def __init__(self, api: str, host: str, batches: int, seed: int, patience: float = PATIENCE) -> None:
        """Events of the player `host` for the API at that address, which may refuse a batch for `patience` seconds."""
        chance = random.Random(seed)
        self._patience = patience
        self._api = api
        self.host = host
        self.sent: list[str] = []
        self.broken = 0
        self.batches = {str(uuid.UUID(int=chance.getrandbits(128))): self._batch(chance) for _ in range(batches)}
        self.answered = 0
        self._counting = threading.Lock()

    def _batch(self, chance: random.Random) -> bytes:
        """Lines of JSON: events with identities of their own, and one in a hundred that breaks the contract."""
        return b"\n".join(self._events(chance))

    def _events(self, chance: random.Random) -> Iterator[bytes]:
        for _ in range(BATCH):
            event = {"messageid": str(uuid.UUID(int=chance.getrandbits(128))), "event_type": "default"}
            if chance.random() < 0.01:
                self.broken += 1
            else:
                event["Host"] = self.host
                self.sent.append(event["messageid"])
            yield msgspec.json.encode(event)

    def send(self) -> None:
        """Send all batches, four at a time."""
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(self._send, *batch) for batch in self.batches.items()]:
                done.result()

    def _send(self, identity: str, body: bytes) -> None:
        refused = retry_if_exception_type(requests.RequestException)
        Retrying(retry=refused, stop=stop_after_delay(self._patience), wait=wait_fixed(0.5))(self._post, identity, body)

    def _post(self, identity: str, body: bytes) -> None:
        answer = requests.post(
            f"{self._api}/v1/events/GameEvent",
            body,
            headers={"Content-Type": "application/x-ndjson", "Idempotency-Key": identity},
            timeout=30,
        )
        answer.raise_for_status()
        with self._counting:
            self.answered += 1
