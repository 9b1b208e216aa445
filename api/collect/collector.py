"""Takes requests of events: the good ones go to their topic, the others to that of the rejected ones.

The answer comes when Kafka has acknowledged all of them, or says which it has not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from http import HTTPStatus
from time import perf_counter
from uuid import uuid4

import msgspec

from api import metrics
from api.auth import Keys
from api.collect import request_body
from api.collect.publisher import Done, OutgoingRecord
from api.collect.request_body import Limits
from api.collect.validator import Intake, Receipt
from api.http.messages import Reply, Request, Respond
from api.http.problems import ProblemError
from eventmill.config.settings import Settings
from eventmill.contracts.events import EventError
from eventmill.kafka import topics
from eventmill.kafka.dead_letters import LONGEST

LONGEST_IDENTITY = 200
ANSWER_HEADERS = {"Content-Type": request_body.JSON}
Publish = Callable[[Sequence[OutgoingRecord], Done], None]
"""Writes records to Kafka."""


class Fault(msgspec.Struct, frozen=True):
    """A fault of one event of a request: its index there, the field to blame if it's one, and the reason."""

    index: int
    field: str | None
    reason: str


class Accepted(msgspec.Struct, frozen=True):
    """The answer to a request of which Kafka has all that could be taken.

    Attributes:
        accepted: how many events Kafka has acknowledged.
        ids: their identities, in the order of the request.
        received: the time that those got which had none.
        errors: the events that were rejected.
    """

    accepted: int
    ids: list[str]
    received: str
    errors: list[Fault]


@dataclass
class Batch:
    """The events of one request: places, identities and records of those taken; faults of the others and what came."""

    places: list[int] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    records: list[OutgoingRecord] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    broken: list[bytes] = field(default_factory=list)

    @classmethod
    def of(cls, pieces: Sequence[bytes], intake: Intake, receipt: Receipt) -> Batch:
        """Check each event."""
        batch, take = cls(), intake.take
        for index, piece in enumerate(pieces):
            try:
                messageid, record = take(piece, receipt)
            except EventError as error:
                batch.faults.append(Fault(index, error.field, error.reason))
                batch.broken.append(piece)
            else:
                batch.places.append(index)
                batch.ids.append(messageid)
                batch.records.append(record)
        return batch

    def rejected(self, topic: str, key: str, receipt: Receipt) -> list[OutgoingRecord]:
        """The records of the rejected ones, identified by their places in the request `key`, or in one without a key.

        With a key, which may come with other events by mistake, a digest of the event is part of its place: what is
        sent again is rejected once, and what is another event is kept too.
        """
        request = key or str(uuid4())
        rejects = list(zip(self.faults, self.broken, strict=True))
        places = [f"{fault.index}/{_digest(piece)}" if key else str(fault.index) for fault, piece in rejects]
        return [
            OutgoingRecord(topic, None, piece[:LONGEST], _headers(request, place, fault, receipt, len(piece)))
            for place, (fault, piece) in zip(places, rejects, strict=True)
        ]


def _digest(piece: bytes) -> str:
    return blake2b(piece, digest_size=8).hexdigest()


def _headers(
    request: str, place: str, fault: Fault, receipt: Receipt, length: int
) -> list[tuple[str, str | bytes | None]]:
    reason = f"{fault.field}: {fault.reason}" if fault.field else fault.reason
    millis = receipt.microseconds // 1000
    cut: list[tuple[str, str | bytes | None]] = [("source.bytes", str(length))] if length > LONGEST else []
    return [
        ("reason", reason),
        ("source.request", request),
        ("source.index", place),
        ("source.time", str(millis)),
        *cut,
    ]


class Collector:
    """The events of all types."""

    def __init__(self, settings: Settings, publish: Publish, keys: Keys) -> None:
        self._publish = publish
        self._limits = Limits.of(settings)
        self._keys = keys
        self._topics = topics.collected(settings)
        self._intakes = {kind: Intake(topic, self._limits) for kind, topic in self._topics.items()}

    def admit(self, kind: str, headers: Mapping[str, str], address: str) -> int:
        """Let a request in by its headers, named in lower case; returns how many bytes its body may have.

        Raises:
            ProblemError: when nothing in its body could be taken.
        """
        if kind not in self._topics:
            raise ProblemError(HTTPStatus.NOT_FOUND, f"no type of events is called {kind}; there are {self._known()}")
        self._keys.admit(headers, address)
        request_body.encoding(headers.get("content-encoding"))
        return self._limits.batch_bytes

    def refuse(self, kind: str, request: Request, problem: ProblemError) -> Reply:
        """The answer to a request that is not served."""
        return self._counted(kind, request, Reply.of(problem))

    def collect(self, kind: str, request: Request, respond: Respond) -> None:
        """Take the events of the type `kind` of a request that was let in; the answer comes when Kafka has them.

        Raises:
            ProblemError: when nothing of it can be taken.
        """
        headers = request.headers
        encoding = request_body.encoding(headers.get("content-encoding"))
        body = request_body.plain(request.body, encoding, self._limits.batch_bytes)
        receipt = Receipt.now()
        found = request_body.split_body(body, headers.get("content-type"), self._limits)
        batch = Batch.of(found, self._intakes[kind], receipt)
        records = batch.records
        if batch.faults:
            key = headers.get("idempotency-key", "")[:LONGEST_IDENTITY]
            records = records + batch.rejected(topics.rejected(self._topics[kind].name), key, receipt)

        def published(failed: dict[int, str]) -> None:
            self._count(kind, batch, failed)
            respond(self._counted(kind, request, _answer(batch, failed, receipt, self._limits.event_bytes)))

        self._publish(records, published)

    def _counted(self, kind: str, request: Request, reply: Reply) -> Reply:
        known = kind if kind in self._topics else "unknown"
        metrics.request(known, int(reply.status), perf_counter() - request.received)
        return reply

    def _known(self) -> str:
        return ", ".join(self._topics)

    def _count(self, kind: str, batch: Batch, failed: Mapping[int, str]) -> None:
        lost = sum(index < len(batch.ids) for index in failed) if failed else 0
        metrics.events(kind, "accepted", len(batch.ids) - lost)
        metrics.events(kind, "rejected", len(batch.faults) - (len(failed) - lost))
        metrics.events(kind, "unacknowledged", len(failed))


def _answer(batch: Batch, failed: Mapping[int, str], receipt: Receipt, longest: int) -> Reply:
    """The reply once Kafka has all but the failed events."""
    if failed:
        return Reply.of(_unavailable(batch, failed, receipt))
    if not batch.ids:
        return Reply.of(_nothing_taken(batch, longest))
    accepted = Accepted(len(batch.ids), batch.ids, receipt.text, batch.faults)
    return Reply(HTTPStatus.ACCEPTED, ANSWER_HEADERS, msgspec.json.encode(accepted))


def _nothing_taken(batch: Batch, longest: int) -> ProblemError:
    """All events were rejected; one alone tells by the status whether it's too long, or no JSON object at all."""
    status, detail = HTTPStatus.UNPROCESSABLE_ENTITY, "no event keeps its contract"
    if len(batch.faults) == 1 and batch.faults[0].field is None:
        detail = batch.faults[0].reason
        too_long = len(batch.broken[0]) > longest
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if too_long else HTTPStatus.BAD_REQUEST
    return ProblemError(status, detail, errors=batch.faults)


def _unavailable(batch: Batch, failed: Mapping[int, str], receipt: Receipt) -> ProblemError:
    """503: which events Kafka has and which it may not have; sent again with these identities they count once."""
    pending = [number for number in range(len(batch.ids)) if number in failed]
    return ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Kafka has not acknowledged all events; send those in `pending` again, with these ids and this time "
        "where they had none",
        {"Retry-After": "2"},
        reason=next(iter(failed.values())),
        ids=[messageid for number, messageid in enumerate(batch.ids) if number not in failed],
        received=receipt.text,
        pending=[{"index": batch.places[number], "messageid": batch.ids[number]} for number in pending],
        errors=batch.faults,
    )
