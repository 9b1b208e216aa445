"""What the API has acknowledged against what Kafka has."""

from __future__ import annotations

from api.overview.acknowledged import Acknowledged
from tests.support import settings


class Api:
    """Numbers of an API for Prometheus."""

    def __init__(self) -> None:
        self.accepted = 0

    def text(self) -> bytes:
        """As `api.metrics`."""
        return (
            "# TYPE eventmill_api_events_total counter\n"
            f'eventmill_api_events_total{{type="ProductView",outcome="accepted"}} {self.accepted}.0\n'
            'eventmill_api_events_total{type="ProductView",outcome="rejected"} 9.0\n'
            'eventmill_api_events_total{type="GameEvent",outcome="accepted"} 2.0\n'
        ).encode()


def nothing_hidden() -> int:
    raise AssertionError("Kafka needs to be asked only where there is less than there should be")


def test_kafka_must_hold_what_was_acknowledged() -> None:
    api = Api()
    acknowledged = Acknowledged(settings(), api.text)
    acknowledged.count()
    assert (acknowledged.of("clicks"), acknowledged.of("events"), acknowledged.of("page-logs")) == (0, 2, 0)
    assert acknowledged.missing("clicks", 100, nothing_hidden) == 0
    api.accepted = 10
    acknowledged.count()
    assert acknowledged.missing("clicks", 110, nothing_hidden) == 0
    assert acknowledged.missing("clicks", 115, nothing_hidden) == 0, "others send too"
    assert acknowledged.missing("clicks", 107, lambda: 107) == 3
    assert acknowledged.missing("clicks", 107, lambda: 112) == 0, "another's open transaction hides them"
    assert acknowledged.missing("clicks", 0, lambda: 0) == 110, "the topic was made again"
