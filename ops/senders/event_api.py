"""Posting a file of events to the event API, batch after batch, until Kafka has all that the API takes.

A batch that Kafka may not have whole is posted again with the same Idempotency-Key: what was rejected is not rejected
twice, and what was accepted counts once by its messageid. Events without one get the one that the API gave them. The
key comes from the content, so a file that is sent again after a crash counts once, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from itertools import chain
from pathlib import Path
from typing import NoReturn

import msgspec
import requests
from tenacity import RetryCallState, RetryError, Retrying, retry_if_result, stop_after_delay

from eventmill.config.errors import EventmillError
from eventmill.config.settings import Settings
from eventmill.contracts.encoding import without_bom

JSON_LINES = "application/x-ndjson"
TIMEOUT = 60
"""Seconds for the API to answer: more than it waits for Kafka."""

BATCH = 500
LONGEST_PAUSE = 30
BUSY = {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}
REJECTED = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
"""Answers that may mean that each of the events was rejected."""

Progress = Callable[[int], object]


class PostingError(EventmillError):
    """The API did not take all of a file; the message says why and how far it came."""


class ReportedFault(msgspec.Struct, frozen=True):
    """An event that was rejected, by its place in the batch."""

    index: int


class Pending(msgspec.Struct, frozen=True):
    """An event that Kafka may not have, and its identity."""

    index: int
    messageid: str


class Answer(msgspec.Struct, frozen=True):
    """The API's reply to a batch, as far as it is needed here; problem details have the same names."""

    accepted: int = 0
    ids: list[str] = []
    received: str = ""
    errors: list[ReportedFault] = []
    pending: list[Pending] = []
    detail: str = ""


@dataclass
class PostResult:
    """Number of events posted, of which Kafka has the accepted ones."""

    accepted: int = 0
    rejected: int = 0

    @property
    def done(self) -> int:
        """All of them."""
        return self.accepted + self.rejected


def lines_in(path: Path) -> int:
    """Number of events a file has.

    Raises:
        PostingError: when it cannot be read.
    """
    return sum(1 for _ in file_lines(path))


def file_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file that are not blank, without a byte order mark.

    Raises:
        PostingError: when it cannot be read.
    """
    try:
        with path.open("rb") as file:
            first = without_bom(file.readline())
            yield from filter(None, (line.strip() for line in chain((first,), file)))
    except OSError as error:
        raise PostingError(f"cannot read {path}: {error.strerror}") from error


def batches(lines: Iterator[bytes], most: int, most_bytes: int) -> Iterator[list[bytes]]:
    """The lines in batches of so many and of so many bytes at most; a line alone may be longer."""
    batch: list[bytes] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == most or size + len(line) + 1 > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line) + 1
    if batch:
        yield batch


class Poster:
    """Posts events of one type; a batch has `patience` seconds until Kafka must have it."""

    def __init__(self, settings: Settings, kind: str, key: str = "", patience: float = 60) -> None:
        self._settings = settings
        self._url = f"{settings.api_address}/v1/events/{kind}"
        self._headers = {"Content-Type": JSON_LINES, "User-Agent": "eventmill"} | ({"X-API-Key": key} if key else {})
        self._patience = patience
        self._result = PostResult()

    def post(self, path: Path, most: int = BATCH, on_progress: Progress = lambda _: None) -> PostResult:
        """Post the lines of a file in their order. `on_progress` gets the number of lines done.

        Raises:
            PostingError: when the file cannot be read, or the API is away or refuses a batch.
        """
        self._result = PostResult()
        limit, most_bytes = min(most, self._settings.api_batch_events), self._settings.api_batch_bytes
        with requests.Session() as session:
            session.headers.update(self._headers)
            for number, batch in enumerate(batches(file_lines(path), limit, most_bytes)):
                digest = sha256(b"\n".join(batch)).hexdigest()
                answer = self._post(session, batch, f"{digest}-{number}")
                self._result.accepted += answer.accepted
                self._result.rejected += len(answer.errors)
                on_progress(self._result.done)
        return self._result

    def _post(self, session: requests.Session, batch: list[bytes], identity: str) -> Answer:
        """Post a batch until Kafka has it or all of it is rejected."""
        lines = batch

        def attempt() -> requests.Response:
            nonlocal lines
            response = session.post(
                self._url, data=b"\n".join(lines), headers={"Idempotency-Key": identity}, timeout=TIMEOUT
            )
            if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
                lines = completed(lines, _answer(response))
            return response

        retrying = Retrying(
            retry=retry_if_result(lambda response: response.status_code in BUSY),
            wait=_pause,
            stop=stop_after_delay(self._patience),
        )
        try:
            response = retrying(attempt)
        except RetryError as error:
            self._refused(error.last_attempt.result())
        except requests.RequestException as error:
            self._fail("does not answer: is the stack up? See: eventmill status", error)
        answer = _answer(response)
        rejected = response.status_code in REJECTED and len(answer.errors) == len(batch)
        if response.status_code != HTTPStatus.ACCEPTED and not rejected:
            self._refused(response)
        return answer

    def _refused(self, response: requests.Response) -> NoReturn:
        self._fail(f"answered {response.status_code}: {_answer(response).detail or response.reason}")

    def _fail(self, what: str, error: Exception | None = None) -> NoReturn:
        raise PostingError(
            f"the API at {self._url} {what}; {self._result.done} events were posted before, and count once when "
            "the file is sent again"
        ) from error


def _pause(state: RetryCallState) -> float:
    """The seconds that the API asks to wait."""
    assert state.outcome is not None
    asked = state.outcome.result().headers.get("Retry-After", "")
    return min(int(asked), LONGEST_PAUSE) if asked.isdecimal() else 1


def _answer(response: requests.Response) -> Answer:
    """The API's words; those of a proxy or another server are none."""
    try:
        return msgspec.json.decode(response.content, type=Answer)
    except msgspec.MsgspecError:
        return Answer()


def completed(lines: Sequence[bytes], answer: Answer) -> list[bytes]:
    """The lines with the identity and the time that the API gave to those events which had none."""
    faults, pending = {fault.index for fault in answer.errors}, {one.index: one.messageid for one in answer.pending}
    taken = [index for index in range(len(lines)) if index not in faults and index not in pending]
    if len(taken) != len(answer.ids):
        return list(lines)
    ids = dict(zip(taken, answer.ids, strict=True)) | pending
    return [
        _with_identity(line, ids[index], answer.received) if index in ids else line for index, line in enumerate(lines)
    ]


def _with_identity(line: bytes, messageid: str, received: str) -> bytes:
    """The event with what it lacks in front of its other fields, as the API writes it."""
    fields = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    missing = {name: value for name, value in (("messageid", messageid), ("timestamp", received)) if name not in fields}
    return msgspec.json.encode(missing)[:-1] + b"," + line[1:] if missing else line
