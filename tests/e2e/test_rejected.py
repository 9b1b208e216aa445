"""Rejected records are listed, shown, mended and replayed, each once whatever happens."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
from confluent_kafka import Producer

from eventmill.config.polling import until
from eventmill.kafka import dead_letters, topic_reader, topics
from eventmill.kafka.dead_letters import Rejected
from eventmill.kafka.replay import Headers
from tests.e2e.game import Game

HOST = "mended.example.org"
PLANTED = 5_000
REASON = "planted by the test"
ROUNDS = 5


class Desk:
    """What the tests do with the rejected records of the game's topic."""

    def __init__(self, game: Game) -> None:
        self.game = game
        self.settings = game.stack.settings
        self.topic = self.settings.game_topic

    def ends(self) -> dict[int, int]:
        """Where the topic ends."""
        return topic_reader.ends(self.settings, self.topic)

    def records(self, since: dict[int, int]) -> list[Any]:
        """The records that came to the topic since it ended there."""
        with topic_reader.consumer(self.settings) as client:
            held = topic_reader.offset_ranges(client, self.topic)
            limits = {
                number: topic_reader.OffsetRange(since.get(number, 0), bounds.end) for number, bounds in held.items()
            }
            return list(topic_reader.records_between(client, self.topic, limits))

    def rejected(self, identity: str) -> list[Rejected]:
        """The rejected records of one request or one file."""
        found = dead_letters.distinct(dead_letters.read_dead_letters(self.settings, self.topic))
        return [record for record in found if record.identity[0] == identity]

    def call(self, command: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Call `eventmill rejected COMMAND` for the topic."""
        return self.game.stack.eventmill("rejected", command, self.topic, *arguments, check=check)

    def start_replay(self) -> subprocess.Popen[bytes]:
        """Begin to replay what was planted, in a process of its own."""
        eventmill = str(Path(sys.executable).with_name("eventmill"))
        return subprocess.Popen(
            [eventmill, "rejected", "replay", self.topic, "--reason", REASON],
            env=self.game.stack.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def send(self, events: list[dict[str, object]]) -> str:
        """Send events through the API; returns the identity of the request."""
        identity = str(uuid.uuid4())
        answer = requests.post(
            f"{self.game.api}/v1/events/GameEvent",
            b"\n".join(map(msgspec.json.encode, events)),
            headers={"Content-Type": "application/x-ndjson", "Idempotency-Key": identity},
            timeout=30,
        )
        answer.raise_for_status()
        return identity

    def plant(self, events: list[dict[str, object]]) -> str:
        """Write good events to the rejected topic, as if a bug had rejected them; returns their file's name."""
        name = f"{uuid.uuid4()}.json"
        producer = Producer({"bootstrap.servers": self.settings.kafka_bootstrap})
        for line, event in enumerate(events):
            headers: Headers = [("reason", REASON), ("source.file", name), ("source.line", str(line))]
            producer.produce(topics.rejected(self.topic), msgspec.json.encode(event), headers=headers)
            producer.poll(0)
        assert producer.flush(60) == 0
        return name


@pytest.fixture
def desk(game: Game) -> Iterator[Desk]:
    """The desk, and at the end a look at whether the job gets over what transactions leave in the topic."""
    yield Desk(game)
    game.wait_until_processed()


def events(number: int, chance: random.Random, **fields: object) -> list[dict[str, object]]:
    """So many good events of the host."""
    time = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    base = {"timestamp": time, "event_type": "default", "Host": HOST} | fields
    return [{"messageid": str(uuid.UUID(int=chance.getrandbits(128)))} | base for _ in range(number)]


def test_a_rejected_event_is_mended_and_replayed_once(desk: Desk) -> None:
    sent = events(20, random.Random(uuid.uuid4().int), event_type="purchase_sword", type=f"sword of {HOST}", cost=10)
    for event in sent[:3]:
        event |= {"cost": "ten", "Host": "", "colour": "red"}
    del sent[3]["type"]
    request = desk.send(sent)
    broken = desk.rejected(request)
    assert len(broken) == 4

    listed = desk.call("list", "--limit", "1000000").stdout
    assert all(re.search(rf"\b{record.place}\b.*{request}:", listed) for record in broken)
    assert request not in desk.call("list", "--reason", "no such reason").stdout

    identity = str(broken[0].place)
    shown = desk.call("show", identity).stdout
    assert request in shown
    for fault in ("cost: expected `int | null`, got `str`", "Host: expected `str` of length >= 1"):
        assert fault in shown
    assert re.search(r"colour.*not in the contract", shown)

    before = desk.ends()
    refused = desk.call("edit", identity, "--set", "cost=10", check=False)
    assert refused.returncode == 1
    assert "Host: expected `str` of length >= 1" in refused.stderr
    changes = ("--set", "cost=10", "--set", f"Host={HOST}")
    assert HOST in desk.call("edit", identity, *changes, "--dry-run").stdout
    assert desk.records(before) == []

    desk.call("edit", identity, *changes)
    assert_refused(desk, identity, *changes)
    (record,) = desk.records(before)
    assert msgspec.json.decode(record.value) == sent[0] | {"cost": 10, "Host": HOST}
    assert record.key == HOST.encode()
    headers = {name: value.decode() for name, value in record.headers}
    assert headers["source.request"] == request
    place = (str(broken[0].place.partition), str(broken[0].place.offset))
    assert (headers["rejected.partition"], headers["rejected.offset"]) == place
    assert headers["rejected.topic"] == topics.rejected(desk.topic)
    assert len(desk.rejected(request)) == 4
    assert "replayed" in desk.call("show", identity).stdout


def assert_refused(desk: Desk, identity: str, *changes: str) -> None:
    """Neither command replays the record again, and both say where it went."""
    for command, options in (("edit", changes), ("replay", ())):
        again = desk.call(command, identity, *options, check=False)
        assert again.returncode == 1
        assert re.search(r"replayed already: at .* UTC, as [0-9]+@[0-9]+ of ", again.stderr)


def test_what_cannot_be_replayed_is_told_and_left(desk: Desk) -> None:
    good, broken = events(2, random.Random(uuid.uuid4().int))
    del broken["Host"]
    before = desk.ends()
    first, second = (str(record.place) for record in desk.rejected(desk.plant([good, broken])))
    done = desk.call("replay", first, second, check=False)
    assert done.returncode == 1
    assert f"rejected record {second} breaks the contract: Host: missing" in done.stdout
    assert [record.value for record in desk.records(before)] == [msgspec.json.encode(good)]
    unknown = desk.call("replay", "0-999999999", check=False)
    assert (unknown.returncode, len(unknown.stderr.splitlines())) == (1, 1)


def test_killed_replays_send_each_record_once(desk: Desk) -> None:
    chance = random.Random(31)
    planted = events(PLANTED, random.Random(uuid.uuid4().int))
    name = desk.plant(planted)
    before = desk.ends()
    kills = 0
    for _ in range(ROUNDS):
        process = desk.start_replay()
        wait_until_it_sends(desk, process)
        desk.game.wait(chance.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        kills += process.wait(30) == -signal.SIGKILL
    assert kills
    desk.call("replay", "--reason", REASON)
    assert_each_once(desk, before, planted)
    assert len(desk.rejected(name)) == PLANTED


def wait_until_it_sends(desk: Desk, process: subprocess.Popen[bytes]) -> None:
    """Wait until the topic grows, or the process has nothing to do."""
    with topic_reader.consumer(desk.settings) as client:
        held = topic_reader.offset_ranges(client, desk.topic)
        message = "the replay neither sends nor ends"
        until(
            lambda: topic_reader.offset_ranges(client, desk.topic) != held or process.poll() is not None,
            60,
            message,
            every=0.02,
        )


def test_two_replays_at_once_send_each_record_once(desk: Desk) -> None:
    planted = events(PLANTED, random.Random(uuid.uuid4().int))
    desk.plant(planted)
    before = desk.ends()
    first = desk.start_replay()
    wait_until_it_sends(desk, first)
    second = desk.start_replay()
    assert second.wait(120) == 0
    assert first.wait(120) in (0, 1)
    desk.call("replay", "--reason", REASON)
    assert_each_once(desk, before, planted)


def assert_each_once(desk: Desk, before: dict[int, int], planted: list[dict[str, object]]) -> None:
    """Each event is in the topic once, and once in the job's table."""
    expected = {str(event["messageid"]) for event in planted}
    counts = Counter(str(msgspec.json.decode(record.value)["messageid"]) for record in desk.records(before))
    assert counts == dict.fromkeys(expected, 1)
    desk.game.in_tables()
    found = Counter(stored(desk, "game_events"))
    assert {identity: found[identity] for identity in expected} == dict.fromkeys(expected, 1)
    assert not expected & set(stored(desk, "game_duplicates"))


def stored(desk: Desk, table: str) -> list[str]:
    """The identities of the host's events in a table."""
    query = f"SELECT json_extract_scalar(raw_event, '$.messageid') AS id FROM {table} WHERE host = '{HOST}'"
    return [str(row["id"]) for row in desk.game.rows("presto", query)]
