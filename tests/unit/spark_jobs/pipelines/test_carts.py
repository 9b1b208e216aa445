"""The carts pipeline from Kafka records to tables, leader board and abandoned carts: each action counts once."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from pyspark.sql import SparkSession

from eventmill.contracts.events import CartTimedOut
from spark_jobs.pipelines.shopping_carts import shopping_carts
from tests.unit.spark_jobs.support import START, CartsPipeline, Record, action, frame, header_values

Make = Callable[..., CartsPipeline]

FIRST = [
    action(10, "SHOPPING_CART", number=1, cart_value=500),
    action(11, "SHOPPING_CART", "user-2", 2),
    action(10, "SHOPPING_CART", number=1, cart_value=500),
    b"broken",
    action(400, "ORDER", "user-2", 3),
    action(900, "LOGIN", "user-3"),
    action(30, "SEARCH", "user-3"),
]
SECOND = [
    action(901, "SHOPPING_CART", "user-3"),
    action(11, "SHOPPING_CART", "user-2", 2),
    action(902, "SEARCH", "user-3"),
    action(2000, "LOGIN", "user-1"),
    b"{}",
    action(5, "LOGIN", "user-1"),
]


def test_an_abandoned_cart_is_a_row_and_an_event(carts: Make) -> None:
    pipeline = carts().feed(*FIRST)
    (row,) = pipeline.abandoned()
    assert row | {"day": None} == {
        "messageid": str(UUID(int=1)),
        "userid": "user-1",
        "opened_at": (START + timedelta(seconds=10)).replace(tzinfo=None),
        "last_action_at": (START + timedelta(seconds=10)).replace(tzinfo=None),
        "last_action": "SHOPPING_CART",
        "timed_out_at": (START + timedelta(seconds=610)).replace(tzinfo=None),
        "items": 1,
        "productid": "product-1",
        "cart_value": 500,
        "day": None,
    }
    (events,) = pipeline.timed_out.values()
    assert events == [
        CartTimedOut(
            messageid=UUID(int=1),
            timestamp=START + timedelta(seconds=610),
            userid="user-1",
            opened_at=START + timedelta(seconds=10),
            last_action_at=START + timedelta(seconds=10),
            last_action="SHOPPING_CART",
            items=1,
            productid="product-1",
            cart_value=500,
        )
    ]


def test_every_record_is_stored_a_copy_late_or_rejected(carts: Make) -> None:
    pipeline = carts().feed(*FIRST).feed(*SECOND)
    assert pipeline.actions("user_actions") == [10, 11, 400, 900, 901, 902, 2000]
    assert pipeline.actions("user_action_duplicates") == [10]
    assert pipeline.actions("user_actions_late") == [5, 11, 30]
    totals = {"records": 13, "stored": 7, "rejected": 2, "late": 3, "duplicates": 1, "final": 0, "lost": 0}
    assert pipeline.state()["totals"] == totals
    assert len(pipeline.rejected) == 2


def test_the_leader_board_has_the_actions_of_each_window_and_user(carts: Make) -> None:
    pipeline = carts().feed(action(10, number=1), action(11, number=2), action(12, "LOGIN"), action(13, user="user-2"))
    assert pipeline.board == {
        (10, "user-1", "PRODUCT_VIEW"): 2,
        (10, "user-1", "LOGIN"): 1,
        (10, "user-2", "PRODUCT_VIEW"): 1,
    }
    pipeline.feed(action(14, number=3), action(16, number=4), action(10, number=1))
    assert pipeline.board[10, "user-1", "PRODUCT_VIEW"] == 3
    assert pipeline.board[15, "user-1", "PRODUCT_VIEW"] == 1


def test_a_cart_stays_open_over_batches_until_its_time_is_over(carts: Make) -> None:
    pipeline = (
        carts().feed(action(10, "SHOPPING_CART", number=7)).feed(action(500, "SEARCH")).feed(action(1100, "LOGIN", "u"))
    )
    assert pipeline.abandoned() == []
    assert [row["timed_out_at"] for row in pipeline.feed(action(1200, "LOGIN", "u")).abandoned()] == [
        (START + timedelta(seconds=1100)).replace(tzinfo=None)
    ]


def test_a_crash_at_each_step_changes_nothing(carts: Make) -> None:
    pipeline, expected = carts().feed(*FIRST), carts().feed(*FIRST)
    reference = expected.feed(*SECOND).snapshot()
    records = [Record(value, offset=len(FIRST) + n) for n, value in enumerate(SECOND)]
    steps = 0
    while pipeline.crash(records, steps):
        steps += 1
    assert steps > 8
    assert pipeline.snapshot() == reference


def test_the_filter_passes_products_put_into_carts_and_tells_where_they_come_from(spark: SparkSession) -> None:
    wanted = action(10, "SHOPPING_CART", number=1)
    values = [
        action(9, "CHECKOUT"),
        wanted,
        b"broken",
        action(11, "SHOPPING_CART", productid=None),
        action(11, "SHOPPING_CART", messageid="no id"),
        action(11, "SHOPPING_CART", timestamp=None),
        action(11, "SHOPPING_CART", userid=""),
    ]
    records = frame(spark, [Record(value, 0, offset) for offset, value in enumerate(values)])
    (row,) = shopping_carts(records, "user-actions").collect()
    assert bytes(row.value) == wanted
    assert header_values(row) == {
        "source.topic": "user-actions",
        "source.partition": "0",
        "source.offset": "1",
        "source.messageid": str(UUID(int=1)),
    }


def test_the_filter_judges_text_as_the_carts_job_does(spark: SparkSession) -> None:
    marked = BOM_UTF8 + action(10, "SHOPPING_CART", number=1)
    numbered = action(11, "SHOPPING_CART", number=2, userid=78, productid=7)
    spoilt = action(12, "SHOPPING_CART", number=3, note="?").replace(b'"?"', b'"t\xe9l"')
    records = frame(spark, [Record(value, 0, offset) for offset, value in enumerate((marked, numbered, spoilt))])
    assert [bytes(row.value) for row in shopping_carts(records, "user-actions").collect()] == [marked, numbered]


def test_users_and_products_that_are_numbers_are_stored_as_text(carts: Make) -> None:
    spoilt = action(12, number=3, note="?").replace(b'"?"', b'"t\xe9l"')
    pipeline = carts().feed(action(0, "SHOPPING_CART", number=1, userid=78, productid=7), BOM_UTF8 + action(11), spoilt)
    pipeline.feed(action(1000))
    (cart,) = pipeline.abandoned()
    assert (cart["userid"], cart["productid"]) == ("78", "7")
    assert pipeline.actions("user_actions") == [0, 11, 1000]
    assert [headers["reason"] for headers in pipeline.rejected.values()] == ["not UTF-8"]
