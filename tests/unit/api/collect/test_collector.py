"""Requests of events: what is answered, and what goes to which topic."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from api.http.problems import MEDIA_TYPE
from tests.unit.api.support import Api, Kafka, told, view

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def test_one_event_is_published_under_its_key() -> None:
    api = Api()
    reply = api.send(view())
    [record] = api.kafka.records
    assert (reply.status, told(reply)["accepted"]) == (202, 1)
    assert (record.topic, record.key) == ("clicks", b"user-78")


def test_identity_and_time_are_filled_in_and_told() -> None:
    api = Api()
    answer = told(api.send(view()))
    event = json.loads(api.kafka.records[0].value)
    assert [event["messageid"]] == answer["ids"]
    assert event["timestamp"] == answer["received"]
    assert UUID(event["messageid"]).version == 4


def test_what_an_event_brings_stays_as_it_came() -> None:
    api, raw = Api(), json.dumps(view(messageid=ID, timestamp="2026-01-01 10:00:00", campaign={"id": 3})).encode()
    assert told(api.send(raw))["ids"] == [ID]
    assert api.kafka.records[0].value == raw


def test_only_what_is_missing_is_filled_in() -> None:
    api = Api()
    api.send(view(timestamp="2026-01-01T10:00:00Z"))
    event = json.loads(api.kafka.records[0].value)
    assert event["timestamp"] == "2026-01-01T10:00:00Z"
    assert event == view(timestamp=event["timestamp"], messageid=event["messageid"])


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (json.dumps([view(), view(), view()]).encode(), "application/json"),
        (b"\n".join(json.dumps(view()).encode() for _ in range(3)), "application/x-ndjson"),
        (b"\r\n\r\n".join(json.dumps(view()).encode() for _ in range(3)) + b"\n", "application/jsonl; charset=UTF-8"),
    ],
)
def test_many_events_come_as_an_array_or_as_lines(body: bytes, media_type: str) -> None:
    api = Api()
    assert told(api.send(body, content_type=media_type))["accepted"] == len(api.kafka.records) == 3


def test_a_batch_may_be_compressed() -> None:
    api = Api()
    assert told(api.send([view(), view()], content_encoding="gzip"))["accepted"] == 2


def test_bad_events_are_named_and_the_good_ones_go_through() -> None:
    api = Api()
    reply = api.send([view(), view(userid=None), view(), 7, view(context={})])
    assert reply.status == 202
    assert told(reply)["accepted"] == len(api.kafka.of("clicks")) == 2
    assert told(reply)["errors"] == [
        {"index": 1, "field": "userid", "reason": "missing"},
        {"index": 3, "field": None, "reason": "expected `object`, got `int`"},
        {"index": 4, "field": "context.source", "reason": "missing"},
    ]


def test_rejected_events_are_kept_with_reason_request_and_place() -> None:
    api = Api()
    api.send([view(), view(userid=None)])
    [record] = api.kafka.of("clicks.rejected")
    headers = dict(record.headers or [])
    assert json.loads(record.value) == view(userid=None)
    assert (headers["reason"], headers["source.index"]) == ("userid: missing", "1")
    assert UUID(str(headers["source.request"]))


def test_a_request_without_a_good_event_is_a_problem() -> None:
    reply = Api().send([view(userid=None), view(event="PageView")])
    assert (reply.status, reply.headers["Content-Type"]) == (422, MEDIA_TYPE)
    assert [error["index"] for error in told(reply)["errors"]] == [0, 1]


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"", 400, "the body holds no event"),
        (b"[]", 400, "the body holds no event"),
        (b"GET / HTTP/1.1", 400, "JSON is malformed: invalid character (byte 0)"),
        (b'[{"event":', 400, "Input data was truncated"),
        (b'"ProductView"', 400, "expected `object`, got `str`"),
        (b"[" * 1000, 400, "JSON is nested more than 32 levels deep"),
        (json.dumps(view(userid=[7])).encode(), 422, "no event keeps its contract"),
        (
            json.dumps(view(messageid=None, timestamp="2999-01-01 00:00:00")).encode(),
            422,
            "no event keeps its contract",
        ),
        (json.dumps(view(note="x" * 2000)).encode(), 413, "2135 bytes; an event may have 2000"),
        (b" " * 5001, 413, "the body may have 5000 bytes, decompressed"),
        (json.dumps([view(userid="u")] * 11).encode(), 413, "11 events; a request may have 10"),
    ],
)
def test_a_bad_body_is_told(body: bytes, status: int, detail: str) -> None:
    reply = Api(api_event_bytes=2000, api_batch_bytes=5000, api_batch_events=10).send(body)
    assert (reply.status, told(reply)["detail"]) == (status, detail)


def test_json_that_is_too_deep_is_told() -> None:
    nested: object = 1
    for _ in range(40):
        nested = [nested]
    reply = Api().send(view(note=nested))
    assert (reply.status, told(reply)["detail"]) == (400, "JSON is nested more than 32 levels deep")
    assert Api().send(view(note="[" * 40)).status == 202


@pytest.mark.parametrize(
    "media_type",
    ["", "text/plain;charset=UTF-8", "application/json; charset=utf8", "application/x-www-form-urlencoded", "?"],
)
@pytest.mark.parametrize(
    ("body", "accepted"),
    [
        (json.dumps(view()).encode(), 1),
        (json.dumps(view(), indent=2).encode(), 1),
        (json.dumps([view(), view()], indent=2).encode(), 2),
        (b"\n".join([json.dumps(view()).encode()] * 3), 3),
        (b"\r\n".join([json.dumps(view()).encode()] * 3) + b"\r\n", 3),
    ],
)
def test_the_body_decides_what_it_is(media_type: str, body: bytes, accepted: int) -> None:
    assert told(Api().send(body, content_type=media_type))["accepted"] == accepted


def test_lines_that_are_declared_are_lines_whatever_the_first_holds() -> None:
    body = b"broken\n" + json.dumps(view()).encode()
    answer = told(Api().send(body, content_type="application/x-ndjson"))
    assert (answer["accepted"], [error["index"] for error in answer["errors"]]) == (1, [0])


@pytest.mark.parametrize("media_type", ["application/json", "application/x-ndjson", "text/plain"])
def test_a_byte_order_mark_is_no_part_of_the_event(media_type: str) -> None:
    api, event = Api(), json.dumps(view(messageid=ID, timestamp="2026-01-01 10:00:00")).encode()
    assert told(api.send(b"\xef\xbb\xbf" + event, content_type=media_type))["ids"] == [ID]
    assert api.kafka.records[0].value == event


def test_two_requests_with_one_idempotency_key_keep_both_their_rejected_events() -> None:
    api = Api()
    first, second = view(userid="a", context={"source": ""}), view(userid="b", context={"source": ""})
    for body in ([view(), first], [view(), first], [view(), second]):
        api.send(body, idempotency_key="mine")
    headers = [dict(record.headers or []) for record in api.kafka.of("clicks.rejected")]
    identities = [(header["source.request"], header["source.index"]) for header in headers]
    assert identities[0] == identities[1] != identities[2]
    assert {request for request, _ in identities} == {"mine"}


def test_other_compressions_are_refused() -> None:
    assert Api().send(view(), content_encoding="br").status == 415


@pytest.mark.parametrize("body", [b"\x1f\x8bno gzip at all", b"\x1f\x8b"])
def test_a_broken_gzip_is_told(body: bytes) -> None:
    reply = Api().send(body, content_encoding="gzip")
    assert reply.status == 400
    assert told(reply)["detail"].startswith("the body is no gzip")


def test_a_small_gzip_that_is_large_inside_is_refused() -> None:
    assert Api(api_batch_bytes=10_000).send(b" " * 10_000_000, content_encoding="gzip").status == 413


def test_an_unknown_type_is_told_with_those_that_exist() -> None:
    reply = Api().send(view(), kind="PageView")
    assert reply.status == 404
    assert "ProductView, GameEvent" in told(reply)["detail"]


def test_events_that_kafka_has_not_acknowledged_are_named() -> None:
    api = Api(Kafka(lost={1: "timed out"}))
    reply = api.send([view(messageid=ID), view(), view(userid=None)])
    answer = told(reply)
    assert (reply.status, reply.headers["Retry-After"], answer["reason"]) == (503, "2", "timed out")
    assert answer["ids"] == [ID]
    assert [pending["index"] for pending in answer["pending"]] == [1]
    assert json.loads(api.kafka.records[1].value)["messageid"] == answer["pending"][0]["messageid"]


def test_a_rejected_event_that_kafka_does_not_keep_is_no_success() -> None:
    reply = Api(Kafka(lost={1: "timed out"})).send([view(), view(userid=None)])
    assert (reply.status, told(reply)["pending"]) == (503, [])


def test_game_events_are_taken_too() -> None:
    api = Api()
    event = {"event_type": "purchase_sword", "Host": "user1.comcast.com", "type": "sabre", "cost": 6}
    assert api.send(event, kind="GameEvent").status == 202
    assert (api.kafka.records[0].topic, api.kafka.records[0].key) == ("events", b"user1.comcast.com")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"type": None}, "type"),
        ({"event_type": "join_guild"}, "guild_name"),
        ({"event_type": "dance"}, "event_type"),
        ({"Host": ""}, "Host"),
        ({"cost": -1}, "cost"),
    ],
)
def test_broken_game_events_are_rejected(changes: dict[str, object], field: str) -> None:
    event = {"event_type": "purchase_sword", "Host": "user1.comcast.com", "type": "sabre", "cost": 6} | changes
    reply = Api().send({name: value for name, value in event.items() if value is not None}, kind="GameEvent")
    assert (reply.status, told(reply)["errors"][0]["field"]) == (422, field)


def test_bytes_that_are_not_utf8_are_rejected_in_any_field() -> None:
    api = Api()
    good = json.dumps(view(campaign="?")).encode()
    reply = api.send(b"[" + good + b"," + good.replace(b'"?"', b'"t\xe9l"') + b"]")
    assert told(reply)["accepted"] == 1
    assert [error["reason"] for error in told(reply)["errors"]] == ["not UTF-8"]
    assert len(api.kafka.of("clicks.rejected")) == 1


def test_a_user_that_is_a_number_keys_the_record_as_its_text_does() -> None:
    api = Api()
    api.send([view(userid=78), view(userid="78")])
    assert [record.key for record in api.kafka.records] == [b"78", b"78"]
