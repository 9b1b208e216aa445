"""The events that the API has acknowledged, which Kafka must hold: the count at the door against Kafka's offsets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families

from api import metrics
from eventmill.config.settings import Settings
from eventmill.kafka import topics

EVENTS = "eventmill_api_events"


class Acknowledged:
    """Counts by topic, over all processes of the API, since it was started."""

    def __init__(self, settings: Settings, text: Callable[[], bytes] | None = None) -> None:
        self._topics = {kind: topic.name for kind, topic in topics.collected(settings).items()}
        self._text = text or metrics.prometheus_text
        self._counts: Counter[str] = Counter()
        self._before: dict[str, int] = {}

    def count(self) -> None:
        """Add up what the API's processes have counted until now."""
        self._counts = Counter()
        for family in text_string_to_metric_families(self._text().decode()):
            for sample in family.samples if family.name == EVENTS else ():
                kind, outcome = sample.labels["type"], sample.labels["outcome"]
                if sample.name.endswith("_total") and outcome == "accepted" and kind in self._topics:
                    self._counts[self._topics[kind]] += int(sample.value)

    def of(self, topic: str) -> int:
        """The events of a topic that were acknowledged until `count`."""
        return self._counts[topic]

    def missing(self, topic: str, taken: int, newest: Callable[[], int]) -> int:
        """Count those that Kafka cannot have; Kafka must be asked after `count`.

        The first look tells what Kafka has beside them: what came before the API was started, and by other doors.

        Args:
            taken: the offsets of the topic that readers of committed records see.
            newest: gives all of its offsets; an open transaction of another sender hides some from those readers.
        """
        before = self._before.setdefault(topic, taken - self._counts[topic])
        expected = before + self._counts[topic]
        return max(0, expected - newest()) if taken < expected else 0
