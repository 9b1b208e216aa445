"""How this project reads Kafka by librdkafka, without a consumer group: each reader keeps its offsets itself."""

from __future__ import annotations


def configuration(bootstrap: str, client: str) -> dict[str, object]:
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
