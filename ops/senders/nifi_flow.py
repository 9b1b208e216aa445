"""Looks into NiFi's flow: files that are queued, and those that Kafka has."""

from __future__ import annotations

import requests

from eventmill.config.settings import Settings
from ops.senders import nifi_inbox

TIMEOUT = 30


def queued(settings: Settings) -> int:
    """Number of flow files that wait or are worked on anywhere in the flow."""
    url = f"http://{settings.nifi_host}:{settings.nifi_port}/nifi-api/flow/status"
    reply = requests.get(url, timeout=TIMEOUT)
    reply.raise_for_status()
    return int(reply.json()["controllerStatus"]["flowFilesQueued"])


def delivered(settings: Settings, pipeline: str, name: str) -> bool:
    """True if Kafka has all of the inbox's file of that name: it was taken, and nothing is queued any more.

    NiFi removes a file from the inbox after its content is in the first queue, so the order of the two questions
    matters.
    """
    return not (nifi_inbox.inbox_folder(settings, pipeline) / name).exists() and not queued(settings)
