"""The event route as one writes it first: Flask, kafka-python, one record at a time; under gunicorn with gevent.

gunicorn --worker-class gevent --workers 2 'bench.plain:create_app()'
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
from flask import Flask, request
from flask.typing import ResponseReturnValue
from kafka import KafkaProducer

from eventmill.config.settings import load
from eventmill.contracts import events

TYPE = events.ProductView


def create_app() -> Flask:
    """The application, which checks and answers what the event API does for one event."""
    settings, app = load(), Flask("plain")
    producer: Any = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap, acks="all", enable_idempotence=True)

    @app.post("/v1/events/ProductView")
    def collect() -> ResponseReturnValue:
        received = datetime.now(UTC)
        filled = {"messageid": str(uuid4()), "timestamp": f"{received:%Y-%m-%dT%H:%M:%S.%f}Z"}
        value = msgspec.json.encode(filled | request.get_json())
        try:
            event = events.decode_event(TYPE, value, received)
        except events.EventError as error:
            return {"detail": str(error)}, 422
        producer.send(settings.clicks_topic, value, str(event.userid).encode()).get(timeout=10)
        return {"accepted": 1, "ids": [str(event.messageid)]}, 202

    return app
