"""Replaying: which records are chosen, what they are sent with, and which are left."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from eventmill.contracts.events import EventError
from eventmill.kafka import dead_letters, replay
from eventmill.kafka.dead_letters import History, Identity, RecordId, Rejected, RejectedError, Replay
from eventmill.kafka.replay import Outgoing, ReplayResult, ReplaySelection
from tests.support import settings
from tests.unit.eventmill.kafka.test_dead_letters import record as kafka_record

GAME = dead_letters.source(settings(), "events")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVENT = {
    "messageid": "0b6a2c1e-5b1f-4f7c-9d3a-2f4c7f0e6a55",
    "timestamp": "2026-01-01T00:00:00Z",
    "event_type": "default",
    "Host": "h.example.org",
}
GOOD, BROKEN = msgspec.json.encode(EVENT), msgspec.json.encode(EVENT | {"Host": 5})


def record(offset: int, value: bytes = GOOD, reason: str = "Host: missing", key: bytes | None = None) -> Rejected:
    """What the API rejected as that event of a request."""
    headers = (("reason", reason.encode()), ("source.request", b"r"), ("source.index", str(offset).encode()))
    return Rejected("api", ("r", str(offset)), reason, NOW, value, RecordId(0, offset), key, headers)


def history(records: list[Rejected], *replayed: int) -> History:
    """The history of these records, of which those at these offsets were replayed."""
    replays: dict[Identity, Replay] = {
        ("r", str(offset)): Replay(NOW, RecordId(2, offset + 100)) for offset in replayed
    }
    return History({one.place: one.identity for one in records}, replays)


def chosen(records: list[Rejected], choice: ReplaySelection, *replayed: int) -> tuple[list[int], dict[RecordId, str]]:
    """The offsets of those that are sent, and why others are left."""
    result = ReplayResult()
    sent = list(replay.select(GAME, records, history(records, *replayed), choice, result))
    return [one.record.place.offset for one in sent], result.left


def test_all_are_sent_that_keep_the_contract_and_were_not_replayed() -> None:
    records = [record(1), record(2, BROKEN), record(3), record(4)]
    sent, left = chosen(records, ReplaySelection(every=True), 3)
    assert sent == [1, 4]
    assert left == {RecordId(0, 2): "breaks the contract: Host: expected `str`, got `int`"}


def test_records_are_chosen_by_id_and_one_that_was_replayed_is_told() -> None:
    sent, left = chosen([record(1), record(2), record(3)], ReplaySelection([RecordId(0, 2), RecordId(0, 3)]), 3)
    assert sent == [2]
    assert left == {RecordId(0, 3): "was replayed already: at 2026-01-01 00:00:00 UTC, as 2@103 of events"}


def test_records_are_chosen_by_a_text_in_their_reason() -> None:
    records = [record(1, reason="Host: missing"), record(2, reason="not UTF-8")]
    assert chosen(records, ReplaySelection(reason="host"))[0] == [1]


def test_a_copy_is_not_sent_and_its_id_means_the_record() -> None:
    first, copy = record(1), record(1)
    copy = Rejected(copy.origin, copy.identity, copy.reason, NOW, GOOD, RecordId(0, 7))
    assert chosen([first, copy], ReplaySelection(every=True))[0] == [1]
    assert chosen([first, copy], ReplaySelection([RecordId(0, 7)]))[0] == [1]
    assert chosen([first, copy], ReplaySelection([RecordId(0, 1), RecordId(0, 7)]))[0] == [1]


def test_an_unknown_id_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(RejectedError, match="events has no rejected record 0-9"):
        chosen([record(1)], ReplaySelection([RecordId(0, 1), RecordId(0, 9)]))


def test_a_record_keeps_its_key_and_an_edited_one_gets_the_events() -> None:
    assert replay.checked_record(GAME, record(1, key=b"k"), GOOD).key == b"k"
    assert replay.checked_record(GAME, record(1), GOOD).key == b"h.example.org"
    assert replay.checked_record(GAME, record(1, key=b"k"), GOOD, edited=True).key == b"h.example.org"


def test_a_value_that_breaks_the_contract_is_not_sent() -> None:
    with pytest.raises(EventError, match="Host: expected"):
        replay.checked_record(GAME, record(1), BROKEN)


def test_the_headers_tell_the_origin() -> None:
    assert Outgoing(record(17), b"", GOOD).headers("events") == [
        ("source.request", b"r"),
        ("source.index", b"17"),
        ("rejected.topic", "events.rejected"),
        ("rejected.partition", "0"),
        ("rejected.offset", "17"),
    ]


def test_a_marker_is_read_as_it_is_written() -> None:
    original = kafka_record(b"{", 17, source__request="r", source__index="1")
    written = kafka_record(None, 18)
    written.headers = [(name, str(value).encode()) for name, value in replay.marker(RecordId(0, 17), RecordId(2, 30))]
    found = History.of([original, written])
    assert found.replays["r", "1"].place == RecordId(2, 30)
    with pytest.raises(RejectedError, match=r"record 0-17 was replayed already: at .* as 2@30 of events"):
        replay.require_new("events", found, RecordId(0, 17))


def test_a_batch_is_no_larger_than_a_transaction_should_be() -> None:
    many = [Outgoing(record(n), b"", GOOD) for n in range(replay.BATCH * 2 + 1)]
    batches = list(replay._batches(iter(many)))
    assert [len(batch) for batch in batches] == [replay.BATCH, replay.BATCH, 1]
    assert [one for batch in batches for one in batch] == many


def test_librdkafka_takes_the_options() -> None:
    replay.Sender(settings(kafka_port=1), "events")
