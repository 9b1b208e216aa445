"""The AsyncAPI description of Kafka's topics, from the contracts.

`python -m api.openapi.asyncapi` writes docs/asyncapi.yaml.
The topics are those of the default settings, so that the document doesn't depend on the machine that made it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from eventmill.config.settings import ROOT, Settings
from eventmill.kafka import topics
from eventmill.kafka.topics import Topic

Json = dict[str, Any]
FILE = ROOT / "docs" / "asyncapi.yaml"
REF = "#/components/schemas/{name}"
HEADERS: Json = {
    "type": "object",
    "required": ["reason", "source.time"],
    "properties": {
        "reason": {"type": "string", "description": "What breaks the contract."},
        "source.time": {"type": "string", "description": "When it was received, in milliseconds since 1970."},
        "source.topic": {"type": "string", "description": "With partition and offset: what a job rejected."},
        "source.request": {
            "type": "string",
            "description": "With index, an event's place (and digest, where a key came along): what the API rejected.",
        },
        "source.file": {"type": "string", "description": "With line: what NiFi rejected."},
    },
}


def asyncapi_description(settings: Settings) -> Json:
    """The whole document."""
    declared = topics.declared(settings)
    contracts = [topic.contract for topic in declared if topic.contract]
    _, schemas = msgspec.json.schema_components(contracts, ref_template=REF)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Eventmill's topics", "version": "1.0.0", "description": "Kafka's topics and their records."},
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in declared},
        "operations": {f"read {topic.name}": _operation(topic) for topic in declared},
        "components": {"schemas": schemas},
    }


def _channel(topic: Topic) -> Json:
    name = topic.contract.__name__ if topic.contract else "Rejected"
    return {
        "address": topic.name,
        "description": f"{topic.about}; {topic.partitions} partitions, keyed by {topic.key}",
        "messages": {name: _message(topic)},
    }


def _message(topic: Topic) -> Json:
    if topic.contract is None:
        return {"headers": HEADERS, "payload": {"description": "The bytes as they came."}}
    key = {"type": "string", "description": f"the event's {topic.key}"}
    return {
        "payload": {"$ref": REF.format(name=topic.contract.__name__)},
        "bindings": {"kafka": {"key": key, "bindingVersion": "0.5.0"}},
    }


def _operation(topic: Topic) -> Json:
    return {"action": "receive", "channel": {"$ref": f"#/channels/{topic.name}"}}


def as_yaml() -> str:
    """The document in YAML."""
    return msgspec.yaml.encode(asyncapi_description(Settings.model_construct())).decode()


if __name__ == "__main__":
    FILE.write_text(as_yaml(), encoding="utf-8")
