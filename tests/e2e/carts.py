"""Helpers of the tests of the carts pipeline."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from eventmill.contracts.events import CartTimedOut
from eventmill.kafka import topic_reader
from ops.datagen import cart_truth
from ops.datagen.cart_truth import CartsTruth
from ops.reconciliation import snapshot
from ops.reports import demo
from ops.stack.isolated_stack import IsolatedStack
from tests.e2e.pipeline import Pipeline

MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Sample:
    """A generated file, its truth, and where the topics ended before it was sent."""

    file: Path
    truth: CartsTruth
    source_ends: dict[int, int]
    filtered_ends: dict[int, int]
    timed_out_ends: dict[int, int]

    @property
    def begin(self) -> datetime:
        """When its first cart was opened; carts of before are those of other samples."""
        return min(cart.opened_at for cart in self.truth.carts)


class Carts(Pipeline):
    """The carts pipeline of one stack."""

    def __init__(self, stack: IsolatedStack) -> None:
        super().__init__(stack, "carts")

    def generate(self, folder: Path, name: str, *options: str) -> Sample:
        """Actions that are newer than all that the stack has counted."""
        values = self.stack.settings
        file, truth = folder / f"{name}.json", folder / f"{name}-truth.json"
        start = demo.next_start(values, self.name).isoformat()
        self.stack.eventmill("generate", "carts", "--start", start, "--out", str(file), "--truth", str(truth), *options)
        topics = (values.carts_topic, values.carts_abandoned_topic, values.carts_timed_out_topic)
        return Sample(file, cart_truth.read_cart_truth(truth), *(topic_reader.ends(values, topic) for topic in topics))

    def send(self, file: Path) -> None:
        """Post the file to the event API.

        A batch that is posted again after an outage may come in another order, so it covers less than the watermark.
        """
        self.stack.eventmill("send", "carts", str(file), "--batch", "100")

    def in_tables(self) -> None:
        """Wait until all that Kafka holds is processed, and let Hive find it."""
        self.wait_until_processed()
        self.stack.eventmill("tables", "carts")

    def settled(self) -> datetime:
        """Before this time every action is known."""
        state = snapshot.newest_state(self.stack.settings, self.name)
        assert state is not None
        length = self.stack.settings.carts_window_seconds
        return datetime.fromtimestamp(state.progress.closed // 1_000_000 // length * length, UTC)

    def expected_ids(self, sample: Sample) -> list[str]:
        """The carts of the sample that must have been found abandoned by now, sorted."""
        return sorted(cart.messageid for cart in cart_truth.abandoned_by(sample.truth, self.settled() - MILLISECOND))

    def abandoned(self, engine: str, sample: Sample) -> list[tuple[object, ...]]:
        """The abandoned carts of the sample's time in the table, sorted."""
        query = (
            "SELECT messageid, userid, last_action, items, productid, cart_value FROM abandoned_carts "
            f"WHERE opened_at >= CAST('{sample.begin:%Y-%m-%d %H:%M:%S.%f}' AS TIMESTAMP)"
        )
        return sorted(tuple(row.values()) for row in self.rows(engine, query))

    def board(self, sample: Sample) -> dict[tuple[str, str, str], int]:
        """The leader board of the sample's time: the number by window, user and action."""
        query = (
            "SELECT window_start, userid, action, action_number FROM leader_board "
            f"WHERE window_start >= '{sample.truth.windows[0].window_start:%Y-%m-%d %H:%M:%S}'"
        )
        return {
            (str(row["window_start"])[:19], str(row["userid"]), str(row["action"])): int(str(row["action_number"]))
            for row in self.rows("mysql", query)
        }

    def timed_out(self, sample: Sample) -> list[str]:
        """The identities of the sample's carts that came to the topic of those whose time was over, sorted."""
        records = self._since(self.stack.settings.carts_timed_out_topic, sample.timed_out_ends)
        events = (msgspec.json.decode(record.value, type=CartTimedOut) for record in records)
        return sorted(str(event.messageid) for event in events if event.opened_at >= sample.begin)

    def put_into_carts(self, sample: Sample) -> Counter[tuple[int, int]]:
        """Which of the sample's records have come to the topic of products put into carts, by partition and offset.

        After a kill the filter also writes some of before again, which are not the sample's.
        """
        records = self._since(self.stack.settings.carts_abandoned_topic, sample.filtered_ends)
        headers = (dict(record.headers) for record in records)
        origins = ((int(each["source.partition"]), int(each["source.offset"])) for each in headers)
        return Counter(origin for origin in origins if origin[1] >= sample.source_ends[origin[0]])

    def products_sent(self, sample: Sample) -> set[tuple[int, int]]:
        """Where the records are in the source topic that put a product into a cart."""
        records = self._since(self.stack.settings.carts_topic, sample.source_ends)
        return {
            (record.partition, record.offset)
            for record in records
            if msgspec.json.decode(record.value)["lastAction"] == "SHOPPING_CART"
        }

    def _since(self, topic: str, begin: dict[int, int]) -> list[Any]:
        with topic_reader.consumer(self.stack.settings) as client:
            now = topic_reader.offset_ranges(client, topic)
            limits = {number: topic_reader.OffsetRange(begin[number], held.end) for number, held in now.items()}
            return list(topic_reader.records_between(client, topic, limits))
