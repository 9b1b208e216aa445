"""Producer configuration for librdkafka."""

from __future__ import annotations

from eventmill.config.settings import Settings
from eventmill.kafka.record_sizes import REQUEST_BYTES

SHARED: dict[str, object] = {
    # Java's: a key is in the same partition, whoever writes it.
    "partitioner": "murmur2_random",
    # The topics say what they take: the API keeps events well below it, rejected ones come with many headers.
    "message.max.bytes": REQUEST_BYTES,
    "allow.auto.create.topics": False,
    # Errors alone: of what is tried again, such as a coordinator that is still loading, nobody need hear.
    "log_level": 3,
}
"""The options that hold for every cluster."""


def producer_configuration(settings: Settings, client: str) -> dict[str, object]:
    """The options that all producers share, for the one of that name."""
    return {
        "bootstrap.servers": settings.kafka_bootstrap,
        "client.id": f"eventmill-{client}",
        **SHARED,
    }
