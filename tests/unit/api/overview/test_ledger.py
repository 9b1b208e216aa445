"""The books of a pipeline: Kafka's offsets against the job's counts, and what came by the doors."""

from __future__ import annotations

from typing import Any, cast

import pytest

from api.overview import ledger as module
from api.overview.ledger import Books, Done, Ledger
from eventmill.kafka import dead_letters, topic_reader, topics
from tests.unit.api.kafka_topics import Consumer, Topics

TOPIC = "tea"


@pytest.fixture
def kafka() -> Topics:
    """A topic with eight and seven records, of which none was rejected at a door."""
    made = Topics()
    made.put(TOPIC, 8, 7)
    made.put(topics.rejected(TOPIC), 0)
    return made


class Clock:
    """Stands still unless it is moved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(module, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the books."""
    return Clock(monkeypatch)


def done(*offsets: int, **totals: int) -> Done:
    return Done(dict(enumerate(offsets)), totals)


def compare(ledger: Ledger, kafka: Topics, processed: Done) -> Books:
    return ledger.compare(cast(Any, Consumer(kafka)), processed)


def test_what_is_counted_and_what_waits_is_all_of_it(kafka: Topics) -> None:
    books = compare(Ledger(TOPIC), kafka, done(8, 3, stored=9, rejected=1, late=1))
    assert (books.taken, books.waiting, books.difference, books.unchecked, books.lost) == (15, 4, 0, 0, {})
    assert kafka.read == 0, "nothing needs to be read where all is in order"


def test_a_record_that_the_job_did_not_count_is_a_difference(kafka: Topics) -> None:
    assert compare(Ledger(TOPIC), kafka, done(8, 7, stored=14)).difference == 1


def test_a_record_that_the_job_counted_twice_is_one_too(kafka: Topics) -> None:
    assert compare(Ledger(TOPIC), kafka, done(8, 7, stored=16)).difference == -1


def test_ends_of_transactions_are_no_records_and_each_record_is_read_once(kafka: Topics) -> None:
    ledger = Ledger(TOPIC)
    kafka.end_transaction(TOPIC, 0)
    assert compare(ledger, kafka, done(9, 7, stored=15)).difference == 0
    assert kafka.read == 15
    assert compare(ledger, kafka, done(9, 7, stored=15)).difference == 0
    assert kafka.read == 15
    kafka.put(TOPIC, 2, 0)
    kafka.end_transaction(TOPIC, 0)
    assert compare(ledger, kafka, done(12, 7, stored=16)).difference == 1
    assert kafka.read == 17


def test_much_is_read_some_at_a_time_and_told_when_it_is_known(kafka: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(TOPIC)
    monkeypatch.setattr(module, "READ_RECORDS", 4)
    looks = [compare(ledger, kafka, done(8, 7, stored=14)) for _ in range(4)]
    assert [(books.difference, books.unchecked) for books in looks] == [(0, 11), (0, 7), (0, 3), (1, 0)]


def test_after_records_were_removed_the_books_begin_with_what_the_job_says(kafka: Topics) -> None:
    ledger, kafka.removed = Ledger(TOPIC), {TOPIC: 2}
    assert compare(ledger, kafka, done(8, 7, stored=13)).difference == 0
    kafka.put(TOPIC, 2, 0)
    assert compare(ledger, kafka, done(10, 7, stored=14)).difference == 1


def test_a_job_that_begins_anew_is_compared_anew(kafka: Topics) -> None:
    ledger = Ledger(TOPIC)
    kafka.end_transaction(TOPIC, 0)
    compare(ledger, kafka, done(9, 7, stored=15))
    assert compare(ledger, kafka, Done()).difference == 0
    assert compare(ledger, kafka, done(9, 7, stored=15)).difference == 0


def test_a_topic_that_ends_before_what_was_processed_has_lost_records(kafka: Topics) -> None:
    assert compare(Ledger(TOPIC), kafka, done(8, 9, stored=17)).lost == {1: (7, 9)}


def test_what_the_doors_held_back_is_counted_once_and_the_jobs_letters_are_not(kafka: Topics) -> None:
    ledger = Ledger(TOPIC)
    for origin, number in (
        (dead_letters.API, 1),
        (dead_letters.API, 1),
        (dead_letters.NIFI, 1),
        (dead_letters.SPARK, 1),
    ):
        kafka.reject(TOPIC, origin, number)
    assert compare(ledger, kafka, Done()).entry == {"api": 1, "nifi": 1}
    kafka.reject(TOPIC, dead_letters.API, 2)
    assert compare(ledger, kafka, Done()).entry == {"api": 2, "nifi": 1}
    assert kafka.read == 5


def test_records_that_wait_and_do_not_move_are_stalled(kafka: Topics, clock: Clock) -> None:
    ledger = Ledger(TOPIC)
    assert compare(ledger, kafka, done(8, 7, stored=15)).stalled == 0
    clock.now += 1000
    kafka.put(TOPIC, 1, 0)
    assert compare(ledger, kafka, done(8, 7, stored=15)).stalled == 0, "they came just now"
    clock.now += 400
    assert compare(ledger, kafka, done(8, 7, stored=15)).stalled == 400
    kafka.put(TOPIC, 1, 0)
    assert compare(ledger, kafka, done(9, 7, stored=16)).stalled == 0, "one was processed"


def test_a_missing_topic_is_said(kafka: Topics) -> None:
    with pytest.raises(topic_reader.TopicError, match="there is no topic 'milk'"):
        compare(Ledger("milk"), kafka, Done())
