"""The decoders on events and bytes that nobody thought of: for every contract, and for the bodies of requests."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from msgspec import inspect

from api.collect import request_body
from api.collect.request_body import Limits
from api.http.problems import ProblemError
from eventmill.contracts import events
from eventmill.contracts.events import (
    CartTimedOut,
    Event,
    EventError,
    GameEvent,
    OrderEvent,
    OrderView,
    PageLog,
    ProductView,
    UserAction,
)
from tests.unit.api.support import Api, Kafka, told, view

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CONTRACTS = (ProductView, GameEvent, UserAction, CartTimedOut, OrderEvent, OrderView, PageLog)
LIMITS = Limits(event_bytes=2000, batch_bytes=5000, batch_events=10, nesting=8)
BROKEN = (b"7", b"{}", b"null", b'{"event":"ProductView"}', b'"text"', b"[1]")
each_contract = pytest.mark.parametrize("contract", CONTRACTS)
MEDIA_TYPES = (request_body.JSON, *request_body.NDJSON, "text/plain;charset=UTF-8", "")
quick = settings(derandomize=True, database=None, deadline=None, max_examples=80)


def times() -> st.SearchStrategy[datetime]:
    """Times that can be true, with UTC or without an offset."""
    earliest, latest = (time.replace(tzinfo=None) for time in (events.EARLIEST, NOW + timedelta(hours=23)))
    return st.datetimes(earliest, latest, timezones=st.sampled_from([None, UTC]))


def values(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Values of a type of a contract, within its bounds."""
    match kind:
        case inspect.Metadata():
            return values(kind.type)
        case inspect.StrType():
            return st.text(min_size=kind.min_length or 0, max_size=min(kind.max_length or 40, 40))
        case inspect.IntType():
            return st.integers(kind.ge, kind.le)
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case inspect.UnionType():
            return st.one_of([values(one) for one in kind.types])
        case inspect.ListType():
            return st.lists(values(kind.item_type), min_size=kind.min_length or 0, max_size=3)
        case inspect.StructType():
            return valid(kind.cls)
        case inspect.UUIDType():
            return st.uuids()
        case inspect.DateTimeType():
            return times()
        case inspect.NoneType():
            return st.none()
        case inspect.AnyType():
            return st.none() | st.text() | st.booleans() | st.lists(st.dictionaries(st.text(), st.text()))
    raise AssertionError(f"{kind} is in no contract yet")


@st.composite
def valid(draw: st.DrawFn, contract: type[Any]) -> Any:
    """Events that keep their contract."""
    fields = msgspec.inspect.type_info(contract).fields  # type: ignore[attr-defined]
    chosen = {field.name: draw(values(field.type)) for field in fields}
    try:
        return contract(**chosen)
    except ValueError:
        reject()


@st.composite
def damaged(draw: st.DrawFn, contract: type[Event]) -> bytes:
    """The bytes of an event, some of them lost or others put in their place."""
    raw = msgspec.json.encode(draw(valid(contract)))
    begin, end = sorted((draw(st.integers(0, len(raw))), draw(st.integers(0, len(raw)))))
    return raw[:begin] + draw(st.binary(max_size=4) | st.sampled_from([b'"', b"{", b"null", b",", raw])) + raw[end:]


def any_bytes(contract: type[Event]) -> st.SearchStrategy[bytes]:
    """Bytes of all kinds, from none at all to almost an event."""
    parsed = st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(FIELDS, inner),
        max_leaves=6,
    )
    return st.binary() | parsed.map(lambda found: json.dumps(found).encode()) | damaged(contract)


FIELDS = (
    st.sampled_from([field.encode_name for kind in CONTRACTS for field in msgspec.structs.fields(kind)]) | st.text()
)


@each_contract
@quick
@given(data=st.data())
def test_any_bytes_are_an_event_or_an_event_error(contract: type[Event], data: st.DataObject) -> None:
    raw = data.draw(any_bytes(contract))
    try:
        outcome: object = events.decode_event(contract, raw, NOW)
    except EventError as error:
        outcome = error
    assert isinstance(outcome, (contract, EventError))
    assert not isinstance(outcome, EventError) or 0 < len(outcome.reason) <= events.LONGEST_REASON


@each_contract
@quick
@given(data=st.data())
def test_a_valid_event_is_decoded_as_it_was(contract: type[Event], data: st.DataObject) -> None:
    event = data.draw(valid(contract))
    assert events.decode_event(contract, msgspec.json.encode(event), NOW) == event


@each_contract
@quick
@given(data=st.data())
def test_all_decoders_agree(contract: type[Event], data: st.DataObject) -> None:
    raw = data.draw(valid(contract).map(msgspec.json.encode) | damaged(contract))
    try:
        event = events.decode_event(contract, raw, NOW)
    except EventError:
        return
    for decoder in (events.decode_many(contract), events.decode_draft(contract)):
        found = msgspec.structs.asdict(decoder(raw))
        # The faster ones leave the identity as its sender wrote it: in capitals, or without hyphens.
        assert found | {"messageid": UUID(found["messageid"])} == msgspec.structs.asdict(event)


@quick
@given(body=any_bytes(ProductView), kind=st.sampled_from(MEDIA_TYPES), encoding=st.sampled_from(request_body.ENCODINGS))
def test_any_body_is_divided_or_refused(body: bytes, kind: str, encoding: str) -> None:
    try:
        plain = request_body.plain(body, encoding, LIMITS.batch_bytes)
        found = request_body.split_body(plain, kind, LIMITS)
    except ProblemError:
        return
    assert len(plain) <= LIMITS.batch_bytes
    assert 0 < len(found) <= LIMITS.batch_events
    assert all(piece and piece == piece.strip(request_body.BLANK) and piece in plain for piece in found)


@quick
@given(body=any_bytes(ProductView), kind=st.sampled_from(MEDIA_TYPES), compressed=st.booleans())
def test_any_request_is_answered_and_kept(body: bytes, kind: str, compressed: bool) -> None:
    kafka = Kafka()
    sent = gzip.compress(body) if compressed else body
    reply = Api(kafka).send(sent, content_type=kind, content_encoding="gzip" if compressed else "identity")
    assert reply.status in (202, 400, 413, 422)
    answer = told(reply)
    assert len(kafka.of("clicks")) == answer.get("accepted", 0)
    assert len(kafka.of("clicks.rejected")) == len(answer.get("errors", []))


@quick
@given(
    good=st.lists(st.booleans(), min_size=1, max_size=20),
    broken=st.sampled_from(BROKEN),
    lines=st.booleans(),
    compressed=st.booleans(),
)
def test_every_event_of_a_batch_has_an_outcome(good: list[bool], broken: bytes, lines: bool, compressed: bool) -> None:
    kafka = Kafka()
    pieces = [json.dumps(view()).encode() if is_good else broken for is_good in good]
    body = b"\n".join(pieces) if lines else b"[" + b",".join(pieces) + b"]"
    named = {"content_type": "application/x-ndjson" if lines else "application/json"}
    named["content_encoding"] = "gzip" if compressed else "identity"
    answer = told(Api(kafka).send(gzip.compress(body) if compressed else body, **named))
    assert answer.get("accepted", 0) == len(kafka.of("clicks")) == sum(good)
    assert [error["index"] for error in answer["errors"]] == [
        place for place, is_good in enumerate(good) if not is_good
    ]
    assert len(kafka.of("clicks.rejected")) == len(good) - sum(good)
