"""What a sink refuses because of its data is rejected with the sink's reason, exactly, and the rest is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from spark_jobs.processing import retry
from spark_jobs.processing.refusals import Refusals, RefusedError, Sink
from tests.unit.spark_jobs.pipelines.test_visits import log
from tests.unit.spark_jobs.support import (
    CartsPipeline,
    ClicksPipeline,
    DataError,
    FolderPipeline,
    Record,
    ViewsPipeline,
    VisitsPipeline,
    action,
    click,
)

REASON = "a store: no such letter"


class Store:
    """Takes numbers, all or none, but not those that are refused; it is away for the first tries."""

    def __init__(self, refused: set[int], away: int = 0) -> None:
        self.refused = refused
        self.away = away
        self.held: list[int] = []
        self.tries = 0

    def try_out(self, rows: Sequence[int]) -> None:
        """Refuse, or do nothing."""
        self.tries += 1
        if self.tries <= self.away:
            raise ConnectionError
        if self.refused.intersection(rows):
            raise DataError

    def write(self, rows: Sequence[int]) -> None:
        """Refuse, or store."""
        self.try_out(rows)
        self.held += rows

    def sink(self) -> Sink[int]:
        """The sink that writes here; each row comes from an offset of partition 0."""
        return Sink(
            "a store",
            self.write,
            self.try_out,
            lambda error: isinstance(error, ConnectionError),
            lambda error: isinstance(error, DataError),
            lambda row: (0, row),
        )


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(retry, "PAUSE_SECONDS", 0)


@pytest.mark.parametrize("refused", [{0}, {999}, {500}, {3, 4, 700}, set(range(0, 1000, 7))])
def test_the_rows_to_blame_are_found_and_nothing_is_stored(refused: set[int]) -> None:
    store = Store(refused)
    with pytest.raises(RefusedError) as caught:
        store.sink().put(range(1000))
    assert caught.value.reasons == {(0, row): REASON for row in refused}
    assert store.held == []
    assert store.tries <= 2 + 22 * len(refused)


def test_a_store_that_is_away_is_waited_for_while_the_rows_are_sought() -> None:
    store = Store({3}, away=3)
    with pytest.raises(RefusedError):
        store.sink().put(range(10))


def test_what_is_not_refused_by_itself_is_an_error_of_the_store() -> None:
    def only_together(rows: Sequence[int]) -> None:
        if len(rows) == 4:
            raise DataError

    sink = Sink("a store", only_together, lambda _: None, lambda _: False, lambda _: True, lambda row: (0, row))
    with pytest.raises(DataError):
        sink.put(range(4))


def test_another_error_is_no_refusal() -> None:
    def fail(_: Sequence[int]) -> None:
        raise KeyError

    sink = Sink(
        "a store", fail, fail, lambda _: False, lambda error: isinstance(error, DataError), lambda row: (0, row)
    )
    with pytest.raises(KeyError):
        sink.put([1])


def test_a_value_that_the_client_cannot_write_is_refused() -> None:
    def write(rows: Sequence[int]) -> None:
        for row in rows:
            row.to_bytes(1, "big")

    sink = Sink("a store", write, write, lambda _: False, lambda _: False, lambda row: (0, row))
    with pytest.raises(RefusedError) as caught:
        sink.put([1, 300, 2])
    assert caught.value.reasons == {(0, 300): "a store: int too big to convert"}


def test_what_stays_refused_though_it_is_rejected_is_an_error() -> None:
    error = RefusedError("a store", {"mobile": REASON})
    refusals = Refusals("context.source").plus(error)
    with pytest.raises(RefusedError):
        refusals.plus(error)


def rejected(pipeline: FolderPipeline) -> dict[int, tuple[str, str | None]]:
    """Reason and query of the rejected records by their offsets in partition 0."""
    return {int(offset): (row["reason"], row.get("refused.by")) for (_, offset), row in pipeline.rejected.items()}


def test_a_view_that_the_star_schema_refuses_is_rejected(visits: Callable[[], VisitsPipeline]) -> None:
    pipeline, other = visits(), visits()
    pipeline.refused = {(0, 1), (0, 4)}
    pipeline.feed(log(5), log(6), b"broken", log(7), log(8), log(5))
    other.feed(log(5), b"broken", b"broken", log(7), b"broken", log(5))
    assert pipeline.views == other.views
    assert pipeline.copies == other.copies
    assert pipeline.state() == other.state()
    assert rejected(pipeline)[1] == rejected(pipeline)[4] == (REASON, "query")
    assert rejected(pipeline)[2][1] is None
    # It is not remembered, so that it can be mended and sent again.
    pipeline.refused = set()
    pipeline.feed(log(6))
    assert (0, 6) in pipeline.views


def test_a_replay_and_a_crash_at_each_step_come_to_the_same(visits: Callable[[], VisitsPipeline]) -> None:
    batch = [log(5), log(6), b"broken", log(7), log(5)]
    reference, pipeline = visits(), visits()
    pipeline.refused = reference.refused = {(0, 1), (0, 3)}
    expected = reference.feed(*batch).snapshot()
    records = [Record(value, offset=offset) for offset, value in enumerate(batch)]
    steps = 0
    while pipeline.crash(records, steps):
        steps += 1
    assert steps > 4
    assert pipeline.snapshot() == expected


def test_events_of_a_source_that_the_live_view_refuses_are_rejected(clicks: Callable[..., ClicksPipeline]) -> None:
    pipeline, other = clicks(), clicks()
    pipeline.refused = {"mobile"}
    # The refused one is the newest of its partition: nobody is late because of it.
    pipeline.feed(click(10), click(5000, "mobile"), click(20), click(30, "mobile")).feed(click(25), click(700))
    other.feed(click(10), b"broken", click(20), b"broken").feed(click(25), click(700))
    assert pipeline.live == other.live
    assert pipeline.state() == other.state()
    assert pipeline.table("faults") == other.table("faults") == []
    assert {pipeline.rejected["0", offset]["reason"] for offset in ("1", "3")} == {REASON}


def test_so_are_products_that_cassandra_refuses(views: Callable[..., ViewsPipeline]) -> None:
    pipeline = views()
    pipeline.refused = {"product-2"}
    pipeline.feed(click(10), click(20, properties={"productid": "product-2"}), click(30))
    assert pipeline.counts == {(0, "product-1"): 2}
    assert rejected(pipeline) == {1: (REASON, "query")}


def test_actions_of_a_user_that_the_leader_board_refuses_are_rejected(carts: Callable[[], CartsPipeline]) -> None:
    pipeline, other = carts(), carts()
    pipeline.refused = {"user-2"}
    pipeline.feed(action(1), action(2, user="user-2"), action(3)).feed(
        action(4, "SHOPPING_CART", "user-2"), action(400)
    )
    other.feed(action(1), b"broken", action(3)).feed(b"broken", action(400))
    assert (pipeline.board, pipeline.state(), pipeline.abandoned()) == (other.board, other.state(), other.abandoned())
    assert pipeline.actions("user_actions") == other.actions("user_actions") == [1, 3, 400]
    assert {offset: by for offset, (_, by) in rejected(pipeline).items()} == {1: "query", 3: "query"}
