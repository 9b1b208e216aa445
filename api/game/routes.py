"""The game: its front page, shops and guilds. Each visit is an event in Kafka before it's answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from uuid import uuid4

import msgspec
from flask import Blueprint, Response, request

from api import metrics
from api.auth import Keys
from api.collect.publisher import OutgoingRecord
from api.collect.validator import Receipt
from api.game.guilds import Guilds, MembershipChange
from api.http.problems import ProblemError
from api.pages import lower, refuse_head
from eventmill.contracts.events import EventError, GameEvent, decode_event
from eventmill.contracts.field_types import Name

Publish = Callable[[Sequence[OutgoingRecord]], dict[int, str]]
"""Writes records to Kafka and waits; returns the reasons of those that were not acknowledged, by their index."""

SWORDS = {
    "copper_sword": 4,
    "iron_sword": 5,
    "long_sword": 9,
    "rapier": 7,
    "short_sword": 5,
    "master_sword": 77,
    "scimatar": 8,
    "katana": 10,
    "hook_sword": 4,
    "machete": 5,
    "falcion": 5,
    "sabre": 6,
    "great_sword": 15,
    "moonlight_great_sword": 75,
    "wood_sword": 1,
    "estoc": 7,
}
SHIELDS = {
    "great_shield": 14,
    "buckler": 6,
    "mirror_shield": 42,
    "spiked_shield": 9,
    "golden_shield": 40,
    "wood_shield": 3,
    "leather_shield": 5,
    "copper_shield": 4,
    "iron_shield": 7,
}
"""Prices in coins; what isn't listed has none."""


class Game:
    """The players' actions; each returns its event, as Kafka has it."""

    def __init__(self, topic: str, publish: Publish, guilds: Guilds) -> None:
        self._topic = topic
        self._publish = publish
        self._guilds = guilds

    def look(self) -> bytes:
        """The front page."""
        return self._tell("default")

    def purchase_a_sword(self, name: str) -> bytes:
        """Buy a sword."""
        return self._tell("purchase_sword", type=name, cost=SWORDS.get(name))

    def purchase_a_shield(self, name: str) -> bytes:
        """Buy a shield."""
        return self._tell("purchase_shield", type=name, cost=SHIELDS.get(name))

    def join_guild(self, name: str) -> bytes:
        """Join a guild, which is founded when there is none of that name."""
        _check(name)
        with self._guilds.join(name) as change:
            return self._tell("join_guild", **_guild(name, change))

    def leave_guild(self, name: str) -> bytes:
        """Leave a guild."""
        _check(name)
        with self._guilds.leave(name) as change:
            return self._tell("leave_guild", **_guild(name, change))

    def _tell(self, event_type: str, **fields: object) -> bytes:
        """Publish what the player of this request did, and return the event in JSON.

        Raises:
            ProblemError: 422 when the event breaks its contract, 503 when Kafka has not acknowledged it.
        """
        receipt, headers = Receipt.now(), request.headers
        named = {"Host": headers.get("Host"), "Accept": headers.get("Accept"), "User-Agent": headers.get("User-Agent")}
        event = {"messageid": str(uuid4()), "timestamp": receipt.text, **named, "event_type": event_type, **fields}
        value = msgspec.json.encode(event)
        try:
            told = decode_event(GameEvent, value, receipt.moment)
        except EventError as error:
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
        failed = self._publish([OutgoingRecord(self._topic, told.host.encode(), value)])
        metrics.events(GameEvent.__name__, "unacknowledged" if failed else "accepted")
        if failed:
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE, "Kafka has not acknowledged it", {"Retry-After": "2"}, reason=failed[0]
            )
        return value


def _check(guild: str) -> None:
    """Refuse a name that no guild can have, before anything is changed."""
    try:
        msgspec.convert(guild, Name)
    except msgspec.ValidationError as error:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"guild_name: {error}") from error


def _guild(name: str, change: MembershipChange) -> dict[str, object]:
    return {"guild_name": name, "guild_member_cnt": change.members, "tot_guild_member_cnt": change.total}


def pages(game: Game, keys: Keys) -> Blueprint:
    """The game's pages by plain GET, as players and Apache Bench ask for them."""
    blueprint = Blueprint("game_pages", __name__)
    blueprint.before_request(refuse_head)
    blueprint.before_request(partial(_admit, keys))
    for rule, action, answer in (
        ("/", game.look, "This is the default response!\n"),
        ("/purchase_a_sword/<name>", game.purchase_a_sword, "Sword Purchased!\n"),
        ("/purchase_a_shield/<name>", game.purchase_a_shield, "Shield Purchased!\n"),
        ("/join_guild/<name>", game.join_guild, "Joined Guild!\n"),
        ("/leave_guild/<name>", game.leave_guild, "Left Guild!\n"),
    ):
        blueprint.add_url_rule(rule, action.__name__, _page(action, answer), methods=["GET"])
    return blueprint


def _admit(keys: Keys) -> None:
    keys.admit_anybody(lower(request.headers), request.remote_addr or "")


def _page(action: Callable[..., bytes], answer: str) -> Callable[..., Response]:
    def page(**arguments: str) -> Response:
        action(**arguments)
        return Response(answer, mimetype="text/plain")

    return page


def actions(game: Game, keys: Keys) -> Blueprint:
    """The same as POST, which answers with the event."""
    blueprint = Blueprint("game_actions", __name__, url_prefix="/v1/game")
    blueprint.before_request(partial(_admit, keys))
    for rule, action in (
        ("/purchase_a_sword/<name>", game.purchase_a_sword),
        ("/purchase_a_shield/<name>", game.purchase_a_shield),
        ("/join_guild/<name>", game.join_guild),
        ("/leave_guild/<name>", game.leave_guild),
    ):
        blueprint.add_url_rule(rule, action.__name__, _action(action), methods=["POST"])
    return blueprint


def _action(action: Callable[..., bytes]) -> Callable[..., Response]:
    def act(**arguments: str) -> Response:
        return Response(action(**arguments), HTTPStatus.ACCEPTED, mimetype="application/json")

    return act
