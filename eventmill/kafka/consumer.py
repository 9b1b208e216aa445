"""Consumer configuration for librdkafka, without a consumer group: each reader keeps its offsets itself."""

from __future__ import annotations

MANY: dict[str, object] = {
    # It would pause for a second whenever its queue was full.
    "fetch.queue.backoff.ms": 2,
    # What is fetched beyond the end is for nothing.
    "queued.min.messages": 20_000,
    "queued.max.messages.kbytes": 32_768,
}
"""The options of readers of many records at a time."""


def consumer_configuration(bootstrap: str, client: str) -> dict[str, object]:
    """The options that all readers share, for the one of that name: what is committed, and where a partition ends."""
    name = f"eventmill-{client}"
    return {
        "bootstrap.servers": bootstrap,
        "client.id": name,
        # librdkafka wants the name of a group; nobody joins it and nothing is kept there.
        "group.id": name,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
        "allow.auto.create.topics": False,
        "enable.partition.eof": True,
    }
