"""The carts pipeline from its shoppers to tables, leader board and topics, also while its parts are killed."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from eventmill.config.polling import until
from tests.e2e.carts import Carts, Sample

FAULTS = ("--late", "1%", "--duplicates", "1%", "--broken", "0.5%")


def assert_exact(carts: Carts, sample: Sample) -> None:
    """Everything that the pipeline makes of the sample is what it was planned to be."""
    carts.in_tables()
    carts.stack.eventmill("verify", "carts")
    expected = {cart.messageid: cart for cart in sample.truth.carts}
    ids = carts.expected_ids(sample)
    assert len(ids) > 50
    for engine in ("presto", "hive"):
        found = carts.abandoned(engine, sample)
        assert [row[0] for row in found] == ids
        for messageid, *row in found:
            cart = expected[str(messageid)]
            assert row == [cart.userid, cart.last_action, cart.items, cart.productid, cart.cart_value]
    assert carts.timed_out(sample) == ids
    assert carts.board(sample) == {
        (f"{s.window_start:%Y-%m-%d %H:%M:%S}", s.userid, s.action): s.number for s in sample.truth.windows
    }


def test_carts_leader_board_and_topics_are_the_truth(carts: Carts, tmp_path: Path) -> None:
    sample = carts.generate(tmp_path, "carts", "--count", "8000", "--seed", "7", *FAULTS)
    carts.send(sample.file)
    assert_exact(carts, sample)
    assert carts.put_into_carts(sample) == dict.fromkeys(carts.products_sent(sample), 1)
    carts.stack.eventmill("query", "abandoned-by-day", "--compare")
    assert "rank" in carts.stack.eventmill("leaderboard", "--once").stdout


def test_killed_parts_cost_no_cart_and_double_none(carts: Carts, tmp_path: Path) -> None:
    sample = carts.generate(tmp_path, "kills", "--count", "30000", "--users", "800", "--seed", "8", *FAULTS)
    chance = random.Random(11)
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(carts.send, sample.file)
        for name in ("jobs", "kafka", "jobs"):
            done = carts.processed()
            until(lambda: carts.processed() > done or sending.done(), 120, "nothing is processed")  # noqa: B023
            carts.wait(chance.uniform(0, 3))
            carts.kill(name)
        sending.result()
    carts.stack.eventmill("up", seconds=600)
    assert_exact(carts, sample)
    wanted = carts.products_sent(sample)
    until(lambda: carts.put_into_carts(sample).keys() >= wanted, 120, "the filter is behind", every=1)
    assert carts.put_into_carts(sample).keys() == wanted
