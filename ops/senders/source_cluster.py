"""Page logs written to the source cluster, as the other shops' web servers would."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import msgspec

from eventmill.config.errors import EventmillError
from eventmill.config.settings import Settings
from eventmill.contracts.field_types import id_text
from eventmill.kafka import forwarder
from ops.senders import event_api

CHUNK = 5_000


class Keyed(msgspec.Struct):
    """The field that keys a page log."""

    device_id: str | int | None = None


class VisitorsError(EventmillError):
    """The source cluster did not get all of a file; the message says how much it got."""


def send_page_logs(
    settings: Settings, path: Path, patience: int, on_progress: Callable[[int], object] = lambda _: None
) -> int:
    """Write each line of a file as one record, and wait until the cluster has it; returns their number.

    Raises:
        VisitorsError: when the cluster doesn't take one within `patience` seconds.
    """
    from confluent_kafka import KafkaError, Message, Producer

    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(error)

    options = {"acks": "all", "enable.idempotence": True, "linger.ms": 20, "message.timeout.ms": patience * 1000}
    producer = Producer(forwarder.source_configuration(settings) | options)
    done = 0
    lines = event_api.file_lines(path)
    while chunk := list(islice(lines, CHUNK)):
        for line in chunk:
            producer.produce(settings.forward_topic, line, key(line), on_delivery=delivered)
        left = producer.flush(patience)
        done += len(chunk) - len(failed) - left
        if failed or left:
            reason = failed[0].str() if failed else f"no answer within {patience} s"
            raise VisitorsError(f"the source cluster has {done} page logs of {path}, then it failed: {reason}")
        on_progress(done)
    return done


def key(line: bytes) -> str | None:
    """The device that a log names; None when it's broken."""
    try:
        return id_text(msgspec.json.decode(line, type=Keyed).device_id)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
