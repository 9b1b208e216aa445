"""Who is let in, and how often."""

from __future__ import annotations

import pytest

from api import auth
from eventmill.config.api_keys import key_digest
from tests.unit.api.support import Api, view

KEYS = f"shop:{key_digest('s3cret')},game:{key_digest('other')}"


def test_without_keys_anybody_may_send() -> None:
    assert Api().send(view()).status == 202


@pytest.mark.parametrize("headers", [{"x_api_key": "s3cret"}, {"authorization": "Bearer other"}])
def test_a_known_key_is_let_in(headers: dict[str, str]) -> None:
    assert Api(api_keys=KEYS).send(view(), **headers).status == 202


def test_a_key_is_needed_when_keys_are_set() -> None:
    reply = Api(api_keys=KEYS).send(view())
    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_an_unknown_key_is_refused_and_nothing_is_taken() -> None:
    api = Api(api_keys=KEYS)
    assert api.send(view(), x_api_key="guess").status == 403
    assert api.kafka.records == []


@pytest.mark.parametrize("length", [8, 32, 63])
def test_a_key_whose_digest_only_begins_like_a_known_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    known = key_digest("s3cret")
    other = known[:length] + "".join("0" if digit != "0" else "1" for digit in known[length:])
    monkeypatch.setattr(auth, "key_digest", lambda _: other)
    assert Api(api_keys=KEYS).send(view(), x_api_key="guess").status == 403


def test_a_client_that_sends_too_often_is_told_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.0)
    api = Api(api_keys=KEYS, api_requests_per_second=2, api_workers=1)
    replies = [api.send(view(), x_api_key="s3cret") for _ in range(3)]
    assert [reply.status for reply in replies] == [202, 202, 429]
    assert replies[2].headers["Retry-After"] == "1"
    assert api.send(view(), x_api_key="other").status == 202


def test_without_keys_an_address_is_a_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.0)
    api = Api(api_requests_per_second=1, api_workers=1)
    statuses = [api.send(view(), address=address).status for address in ("10.0.0.1", "10.0.0.1", "10.0.0.2")]
    assert statuses == [202, 429, 202]
