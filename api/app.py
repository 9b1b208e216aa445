"""The ASGI applications of the processes: `api`, which takes events, and `game`, whose pages are the game's.

python -m api api
"""

from __future__ import annotations

from flask import Blueprint

from api.auth import Keys
from api.collect.collector import Collector
from api.collect.publisher import Publisher
from api.console.routes import console
from api.console.topic_reader import Recent
from api.game.guilds import Guilds
from api.game.routes import Game, actions, pages
from api.http.dispatcher import Front
from api.http.exchange import Application
from api.openapi import description
from api.overview import stack_metrics
from api.overview.observer import Overviews
from api.overview.routes import overview
from api.pages import Numbers, create_app
from api.shop.orders import Shop
from api.shop.outbox import Outbox
from api.shop.routes import orders
from eventmill.config import logs
from eventmill.config.settings import Settings, load
from eventmill.kafka import topics


def api() -> Application:
    """The event API with its console, and the shop."""
    settings = load()
    logs.start_logging(settings)
    publisher, keys, overviews = Publisher(settings), Keys(settings), Overviews(settings)
    blueprints = [
        actions(_game(settings, publisher), keys),
        orders(Shop(settings), settings.order_views_topic, publisher.publish_from_thread, keys),
        _console(settings, keys),
        overview(overviews.now, keys),
    ]
    outbox = Outbox(settings, publisher.publish_from_thread)
    return _front(
        settings, publisher, keys, blueprints, outbox, lambda: stack_metrics.stack_metrics_text(overviews.now())
    )


def game() -> Application:
    """The game service."""
    settings = load()
    logs.start_logging(settings)
    publisher, keys = Publisher(settings), Keys(settings)
    return _front(settings, publisher, keys, [pages(_game(settings, publisher), keys)])


def _game(settings: Settings, publisher: Publisher) -> Game:
    return Game(settings.game_topic, publisher.publish_from_thread, Guilds(settings))


def _console(settings: Settings, keys: Keys) -> Blueprint:
    shown = [topic.name for topic in topics.declared(settings) if topic.contract]
    return console(Recent(settings).after, shown, keys)


def _front(
    settings: Settings,
    publisher: Publisher,
    keys: Keys,
    blueprints: list[Blueprint],
    outbox: Outbox | None = None,
    of_stack: Numbers = lambda: b"",
) -> Application:
    app = create_app(blueprints, publisher.probe, description.description(settings), of_stack)
    return Front(settings, Collector(settings, publisher.publish, keys), publisher, app, outbox)
