"""Records that some sink cannot hold, among good ones in every topic: no job stops, and all are accounted for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from confluent_kafka import Producer

from eventmill.config.polling import until
from eventmill.config.settings import PIPELINES
from eventmill.databases import mysql, postgres
from eventmill.kafka import dead_letters, producer, topic_reader
from eventmill.kafka.record_sizes import RECORD_BYTES
from eventmill.lake import checkpoint_progress
from eventmill.spark import job_state
from ops.reports import demo
from ops.stack.isolated_stack import IsolatedStack
from ops.stack.supervisor import ALL_JOBS
from tests.e2e.pipeline import Pipeline

GOOD = 10_000
MARK = uuid4().hex[:8]
"""Tells the records of this run from others in the same stack."""

UGLY = [f"app[/web] {MARK}", f"team [/b] {MARK}", f"\x1b[2J\x1b]0;t\x07 {MARK}", f"\u202egnp.{MARK}\u2066"]
NUL = f"nul \0 {MARK}"
LARGE = "x" * 1_100_000
LARGEST = "x" * (RECORD_BYTES - 1_000)
KEY = b"k" * 1_060_000

MILLISECOND = timedelta(milliseconds=1)
SOURCES = "SELECT SUM(source_number) FROM platform_counts_live WHERE source = %s"
USERS = "SELECT SUM(action_number) FROM leader_board WHERE userid = %s"
VIEWS = "SELECT COUNT(*) FROM fact_product_views JOIN dim_store USING (store_key) WHERE store_id = %s"

Event = dict[str, Any]
Record = tuple[bytes | None, Event | bytes]
"""Key and value."""


def base(pipeline: str, time: datetime, text: str = MARK) -> Event:
    """An event of the pipeline's contract with a text where it has one that goes into a table."""
    identity, moment = str(uuid4()), f"{time:%Y-%m-%dT%H:%M:%S.%fZ}"
    event: Event = {"messageid": identity, "timestamp": moment}
    if pipeline == "clicks":
        context, product = {"source": text}, {"productid": text}
        return event | {"event": "ProductView", "userid": text, "properties": product, "context": context}
    if pipeline == "game":
        return event | {"event_type": "join_guild", "Host": text, "guild_name": text, "User-Agent": text}
    if pipeline == "carts":
        return event | {"userid": text, "lastAction": "SHOPPING_CART", "productid": text}
    if pipeline == "orders":
        items = [{"productid": text, "quantity": 1}]
        return event | {"event": "OrderEvent", "userid": text, "orderid": 1, "lineitems": items}
    log = {"id": identity, "time_stamp": moment, "api_version": "1.0", "collection": "view_product_detail"}
    place = {"current_url": "https://a.example", "device_id": text, "ip": "77.9.12.34", "email": text}
    more = {"local_time": f"{time:%Y-%m-%d %H:%M:%S}", "product_id": text, "store_id": MARK, "user_agent": text}
    return log | place | more | {"referrer_url": f"https://{text}/", "option": []}


def poisons(pipeline: str, time: datetime) -> Iterator[Record]:
    """Every record that has stopped a job of this trade."""
    for text in (*UGLY, NUL):
        yield b"k", base(pipeline, time, text)
    for filler in (LARGE, LARGEST):
        yield b"k", base(pipeline, time) | {"filler": filler}
    yield KEY, base(pipeline, time)
    yield None, base(pipeline, time)
    yield KEY, b"no event"
    yield b"k", LARGEST.encode()
    yield b"k", b""
    if pipeline == "visits":
        for clock in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
            yield b"k", base(pipeline, time) | {"local_time": clock}


class Poisoned(Pipeline):
    """A pipeline that gets good records with poisons among them."""

    def __init__(self, stack: IsolatedStack, name: str) -> None:
        super().__init__(stack, name)
        self.topic = checkpoint_progress.topic(stack.settings, name)
        self.begin = demo.next_start(stack.settings, name if name == "carts" else "clicks")
        self.poisons = list(poisons(name, self.begin + GOOD // 2 * MILLISECOND))

    def send(self) -> None:
        """Write all records straight to the topic."""
        sink = Producer(
            producer.producer_configuration(self.stack.settings, "poison") | {"acks": "all", "linger.ms": 20}
        )
        every = GOOD // len(self.poisons)
        for number in range(GOOD):
            self._produce(sink, (b"k%d" % (number % 50), base(self.name, self.begin + number * MILLISECOND)))
            if number % every == 0 and (at := number // every) < len(self.poisons):
                self._produce(sink, self.poisons[at])
        assert sink.flush(120) == 0

    def _produce(self, sink: Producer, record: Record) -> None:
        key, value = record
        content = value if isinstance(value, bytes) else msgspec.json.encode(value)
        try:
            sink.produce(self.topic, content, key)
        except BufferError:
            sink.flush(120)
            sink.produce(self.topic, content, key)
        sink.poll(0)

    def rejected(self) -> list[dead_letters.Rejected]:
        """The distinct rejected records of the topic."""
        return list(dead_letters.distinct(dead_letters.read_dead_letters(self.stack.settings, self.topic)))


@pytest.fixture(scope="module")
def pipelines(stack: IsolatedStack) -> dict[str, Poisoned]:
    """All pipelines, after they have got and processed their poisons in one process that was never started again."""
    Pipeline(stack, "clicks").start()
    supervisor = Pipeline(stack, "clicks").supervisor
    before, restarts = supervisor.programs()[ALL_JOBS].pid, restarted(stack)
    pipelines = {name: Poisoned(stack, name) for name in PIPELINES}
    for pipeline in pipelines.values():
        pipeline.send()
    for pipeline in pipelines.values():
        pipeline.wait_until_processed()
    assert supervisor.programs()[ALL_JOBS].pid == before
    assert {name: number - restarts.get(name, 0) for name, number in restarted(stack).items()} == dict.fromkeys(
        PIPELINES, 0
    )
    return pipelines


def restarted(stack: IsolatedStack) -> dict[str, int]:
    """Number of restarts of each pipeline's queries."""
    return {name: state.restarts for name, state in job_state.read_states(stack.settings).items()}


def number(connection: Any, statement: str, value: str) -> int:
    """The one number that a query gives."""
    cursor = connection.cursor()
    cursor.execute(statement, (value,))
    return int(cursor.fetchone()[0] or 0)


@pytest.mark.parametrize("name", PIPELINES)
def test_every_record_is_accounted_for(pipelines: dict[str, Poisoned], name: str) -> None:
    pipeline = pipelines[name]
    if name != "visits":
        pipeline.stack.eventmill("tables", name)
    pipeline.stack.eventmill("verify", name)
    found = [record.value for record in pipeline.rejected() if record.key in (b"k", KEY)]
    assert {b"no event", b"", LARGEST.encode()}.issubset(found)
    assert job_state.read_states(pipeline.stack.settings)[name].state == "running"


def test_texts_are_counted_under_exactly_what_they_are(pipelines: dict[str, Poisoned]) -> None:
    # The largest ones and those with other keys have the text of the good ones.
    expected = [*[1] * len(UGLY), GOOD + 4]
    with mysql.connect(pipelines["clicks"].stack.settings) as connection:
        assert [number(connection, SOURCES, text) for text in (*UGLY, MARK)] == expected
        assert [number(connection, USERS, text) for text in (*UGLY, MARK)] == expected


def test_products_put_into_carts_come_whole_whatever_their_size(pipelines: dict[str, Poisoned]) -> None:
    pipeline = pipelines["carts"]
    events = [(key, event) for key, event in pipeline.poisons if isinstance(event, dict) and event["userid"] != NUL]
    expected = {event["messageid"]: (key, len(msgspec.json.encode(event))) for key, event in events}
    found: dict[str, tuple[bytes | None, int]] = {}

    def all_there() -> bool:
        topic = pipeline.stack.settings.carts_abandoned_topic
        with topic_reader.consumer(pipeline.stack.settings) as client:
            for record in topic_reader.records_between(client, topic, topic_reader.offset_ranges(client, topic)):
                identity = (dict(record.headers)["source.messageid"] or b"").decode()
                if identity in expected:
                    found[identity] = (record.key, len(record.value or b""))
        return found.keys() == expected.keys()

    until(all_there, 90, "not all have come to the topic of carts", every=2)
    assert found == expected


def test_page_logs_are_stored_or_rejected_with_a_reason(pipelines: dict[str, Poisoned]) -> None:
    pipeline = pipelines["visits"]
    events = {event["id"]: event for _, event in pipeline.poisons if isinstance(event, dict)}
    refused = {}
    for record in pipeline.rejected():
        if MARK.encode() in record.value:
            refused[msgspec.json.decode(record.value)["id"]] = record
    with postgres.connect(pipeline.stack.settings) as connection:
        assert number(connection, VIEWS, MARK) == GOOD + len(events) - len(refused)
    doubtful = {
        identity
        for identity, event in events.items()
        if event["product_id"] == NUL or event["local_time"][-6:-5] in "+-"
    }
    assert refused.keys() <= doubtful
    assert len(refused) > 0
    assert all(record.reason for record in refused.values())
