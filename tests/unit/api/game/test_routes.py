"""The game's routes: what is answered and what Kafka gets, with the guilds in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

import pytest
from flask.testing import FlaskClient

from api.auth import Keys
from api.collect.publisher import OutgoingRecord
from api.game.guilds import Guilds, MembershipChange
from api.game.routes import SHIELDS, SWORDS, Game, actions, pages
from api.pages import create_app
from tests.support import settings

HOST = "user1.comcast.com"


class GuildsInMemory:
    """The same rules without MySQL: a change stays only when its block succeeds."""

    def __init__(self) -> None:
        self.counts = {"house_stark": 0}

    def join(self, name: str) -> AbstractContextManager[MembershipChange]:
        """As the guilds' own."""
        return self._change(name, self.counts.get(name, 0) + 1)

    def leave(self, name: str) -> AbstractContextManager[MembershipChange]:
        """As the guilds' own."""
        return self._change(name, max(0, self.counts[name] - 1) if name in self.counts else None)

    @contextmanager
    def _change(self, name: str, members: int | None) -> Iterator[MembershipChange]:
        counts = self.counts | ({name: members} if members is not None else {})
        yield MembershipChange(members, sum(counts.values()))
        self.counts = counts


class Service:
    """A game service and what it has published."""

    def __init__(self, keys: Keys | None = None) -> None:
        self.records: list[OutgoingRecord] = []
        self.lost: dict[int, str] = {}
        self.guilds = GuildsInMemory()
        game, keys = Game("events", self._publish, cast(Guilds, self.guilds)), keys or Keys(settings())
        app = create_app([pages(game, keys), actions(game, keys)], lambda: None, {})
        self.client: FlaskClient = app.test_client()

    def _publish(self, records: Sequence[OutgoingRecord]) -> dict[int, str]:
        self.records += records
        return self.lost

    def get(self, path: str, **headers: str) -> str:
        """The answer to a visit."""
        named = {"Host": HOST, "User-Agent": "ApacheBench/2.3", "Accept": "*/*"} | headers
        return self.client.get(path, headers=named).text

    def last(self) -> dict[str, Any]:
        """The last event, without identity and time."""
        event = json.loads(self.records[-1].value)
        return {name: value for name, value in event.items() if name not in {"messageid", "timestamp"}}


@pytest.fixture
def service() -> Service:
    """A game service at its start."""
    return Service()


def test_a_look_at_the_front_page_is_an_event(service: Service) -> None:
    assert service.get("/") == "This is the default response!\n"
    assert service.last() == {
        "Host": HOST,
        "Accept": "*/*",
        "User-Agent": "ApacheBench/2.3",
        "event_type": "default",
    }
    assert (service.records[0].topic, service.records[0].key) == ("events", HOST.encode())


@pytest.mark.parametrize(("item", "cost"), [*SWORDS.items(), ("lightsaber", None)])
def test_every_sword_has_its_price_and_an_unknown_one_none(service: Service, item: str, cost: int | None) -> None:
    assert service.get(f"/purchase_a_sword/{item}") == "Sword Purchased!\n"
    event = service.last()
    assert (event["event_type"], event["type"], event["cost"]) == ("purchase_sword", item, cost)


@pytest.mark.parametrize(("item", "cost"), [*SHIELDS.items(), ("door", None)])
def test_every_shield_has_its_price_and_an_unknown_one_none(service: Service, item: str, cost: int | None) -> None:
    assert service.get(f"/purchase_a_shield/{item}") == "Shield Purchased!\n"
    event = service.last()
    assert (event["event_type"], event["type"], event["cost"]) == ("purchase_shield", item, cost)


@pytest.mark.parametrize(
    ("steps", "members", "total"),
    [
        (["join_guild/house_stark"], 1, 1),
        (["join_guild/house_stark"] * 2 + ["leave_guild/house_stark"], 1, 1),
        (["leave_guild/house_stark"], 0, 0),
        (["join_guild/secret_club"], 1, 1),
        (["join_guild/house_stark", "leave_guild/house_greyjoy"], None, 1),
        (["join_guild/house_stark", "join_guild/secret_club"], 1, 2),
    ],
)
def test_guilds_grow_and_shrink(service: Service, steps: list[str], members: int | None, total: int) -> None:
    for step in steps:
        service.get(f"/{step}")
    event = service.last()
    assert event["guild_name"] == steps[-1].partition("/")[2]
    assert (event["guild_member_cnt"], event["tot_guild_member_cnt"]) == (members, total)


def test_a_step_that_kafka_does_not_have_changes_no_guild(service: Service) -> None:
    service.lost = {0: "timed out"}
    reply = service.client.get("/join_guild/house_stark", headers={"Host": HOST})
    assert (reply.status_code, reply.headers["Retry-After"], reply.json["reason"]) == (503, "2", "timed out")  # type: ignore[index]
    assert service.guilds.counts == {"house_stark": 0}


def test_by_post_the_event_is_the_answer(service: Service) -> None:
    reply = service.client.post("/v1/game/purchase_a_sword/katana", headers={"Host": HOST})
    assert reply.status_code == 202
    assert reply.json == json.loads(service.records[0].value)


@pytest.mark.parametrize("path", ["/", "/purchase_a_sword/katana", "/join_guild/house_stark"])
def test_a_look_at_the_head_of_a_page_does_nothing(service: Service, path: str) -> None:
    reply = service.client.head(path, headers={"Host": HOST})
    assert (reply.status_code, reply.headers["Allow"]) == (405, "GET")
    assert (service.records, service.guilds.counts) == ([], {"house_stark": 0})


@pytest.mark.parametrize("path", ["/purchase_a_sword/", "/no_such_page"])
def test_other_pages_are_a_problem_of_their_own(service: Service, path: str) -> None:
    reply = service.client.get(path)
    assert (reply.status_code, reply.mimetype) == (404, "application/problem+json")
    assert service.records == []


def test_what_breaks_the_contract_is_told(service: Service) -> None:
    for path in (f"/purchase_a_sword/{'x' * 256}", f"/join_guild/{'x' * 256}"):
        reply = service.client.get(path)
        assert reply.status_code == 422
        assert "length <= 255" in reply.json["detail"]  # type: ignore[index]
    assert service.records == []
