"""What the workers serve: `api`, which takes events, and `game`, whose pages are the game's."""

from __future__ import annotations

from flask import Blueprint

from api import openapi, stack_metrics
from api.collector import Collector
from api.console import console
from api.front import Front
from api.game import Game, actions, pages
from api.guilds import Guilds
from api.keys import Keys
from api.looking import Overviews
from api.orders import orders
from api.outbox import Outbox
from api.overview import overview
from api.pages import Numbers, create_app
from api.publisher import Publisher
from api.recent import Recent
from api.shop import Shop
from eventmill import logs, topics
from eventmill.settings import Settings, load


def api() -> Front:
    """The event API with its console, and the shop."""
    settings = load()
    logs.start(settings)
    publisher = Publisher(settings)
    blueprints = [actions(_game(settings, publisher)), _orders(settings, publisher), _console(settings)]
    overviews = Overviews(settings)
    blueprints.append(overview(overviews.now, Keys(settings)))
    outbox = Outbox(settings, publisher.publish_from_thread)
    return _front(settings, publisher, blueprints, outbox, lambda: stack_metrics.text(overviews.now()))


def game() -> Front:
    """The game service."""
    settings = load()
    logs.start(settings)
    publisher = Publisher(settings)
    return _front(settings, publisher, [pages(_game(settings, publisher))])


def _game(settings: Settings, publisher: Publisher) -> Game:
    return Game(settings.game_topic, publisher.publish_from_thread, Guilds(settings))


def _orders(settings: Settings, publisher: Publisher) -> Blueprint:
    return orders(Shop(settings), settings.order_views_topic, publisher.publish_from_thread, Keys(settings))


def _console(settings: Settings) -> Blueprint:
    shown = [topic.name for topic in topics.declared(settings) if topic.contract]
    return console(Recent(settings).after, shown, Keys(settings))


def _front(
    settings: Settings,
    publisher: Publisher,
    blueprints: list[Blueprint],
    outbox: Outbox | None = None,
    of_stack: Numbers = lambda: b"",
) -> Front:
    app = create_app(blueprints, publisher.probe, openapi.description(settings), of_stack)
    collector = Collector(settings, publisher.publish)
    return Front(settings, collector, publisher, app, outbox)
