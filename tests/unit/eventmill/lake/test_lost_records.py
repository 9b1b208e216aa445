"""Records that Kafka removed before they were read are told in a sentence, and left behind when somebody says so."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from eventmill.config.settings import Settings
from eventmill.kafka import topic_reader
from eventmill.kafka.topic_reader import OffsetRange
from eventmill.lake import checkpoint_progress, lost_records, webhdfs
from eventmill.lake.lost_records import LostRecordsError, OffsetGap, SkipNote
from tests.support import settings

QUERY, TOPIC = "orders/product_views", "clicks"


class Engines:
    """What Kafka holds, what the query has read, and the files on HDFS."""

    def __init__(self) -> None:
        self.held: dict[int, OffsetRange] | None = {0: OffsetRange(0, 100), 1: OffsetRange(0, 50)}
        self.done = {0: 40, 1: 50}
        self.files: dict[str, bytes] = {}

    def bounds(self, _client: object, topic: str) -> dict[int, OffsetRange]:
        """As the reader's."""
        if self.held is None:
            raise topic_reader.TopicError(topic)
        return self.held


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Engines:
    """Engines in which nothing is lost."""
    made = Engines()
    monkeypatch.setattr(topic_reader, "consumer", nullcontext)
    monkeypatch.setattr(topic_reader, "offset_ranges", made.bounds)
    monkeypatch.setattr(checkpoint_progress, "committed_of", lambda *_: made.done)
    monkeypatch.setattr(webhdfs, "exists", lambda _settings, path: path in made.files)
    monkeypatch.setattr(webhdfs, "read", lambda _settings, path: made.files[path])

    def write(_settings: Settings, content: bytes, path: str) -> None:
        made.files[path] = content

    monkeypatch.setattr(webhdfs, "write", write)
    return made


def test_nothing_is_lost_as_long_as_kafka_holds_what_comes_next(engines: Engines) -> None:
    lost_records.require_none(settings(), QUERY, TOPIC)
    engines.held = {0: OffsetRange(40, 100), 1: OffsetRange(50, 50)}
    lost_records.require_none(settings(), QUERY, TOPIC)
    assert lost_records.skip(settings(), QUERY, TOPIC) == []
    assert engines.files == {}


def test_a_query_that_has_read_nothing_yet_begins_wherever_the_topic_does(engines: Engines) -> None:
    engines.done, engines.held = {}, {0: OffsetRange(7, 9)}
    lost_records.require_none(settings(), QUERY, TOPIC)


def test_what_was_removed_is_told_with_topic_partition_offsets_and_the_way_out(engines: Engines) -> None:
    engines.held = {0: OffsetRange(60, 100), 1: OffsetRange(50, 50), 2: OffsetRange(3, 3)}
    with pytest.raises(LostRecordsError) as caught:
        lost_records.require_none(settings(), QUERY, TOPIC)
    assert str(caught.value) == (
        "Kafka has removed the records 40 to 59 of clicks-0, 0 to 2 of clicks-2 by age or size before "
        "orders/product_views read them; go on without them: eventmill jobs skip-lost orders"
    )


def test_what_is_skipped_is_not_told_again_but_what_is_removed_after_it_is(engines: Engines) -> None:
    engines.held = {0: OffsetRange(60, 100), 1: OffsetRange(50, 50)}
    assert lost_records.skip(settings(), QUERY, TOPIC) == [OffsetGap(0, 40, 60)]
    assert lost_records.note(settings(), QUERY, TOPIC) == SkipNote(TOPIC, {0: 60})
    lost_records.require_none(settings(), QUERY, TOPIC)
    engines.held = {0: OffsetRange(70, 100), 1: OffsetRange(55, 60)}
    assert lost_records.skip(settings(), QUERY, TOPIC) == [OffsetGap(0, 60, 70), OffsetGap(1, 50, 55)]
    assert lost_records.note(settings(), QUERY, TOPIC).starts == {0: 70, 1: 55}


def test_a_topic_that_is_gone_is_never_made_anew_without_a_word_about_what_is_lost(engines: Engines) -> None:
    engines.held = None
    with pytest.raises(LostRecordsError, match=r"topic clicks is gone .* what orders/product_views had not read of it"):
        lost_records.require_none(settings(), QUERY, TOPIC)


@pytest.mark.parametrize("held", [{0: OffsetRange(0, 3), 1: OffsetRange(0, 50)}, {1: OffsetRange(0, 50)}])
def test_a_topic_that_was_made_anew_is_told(engines: Engines, held: dict[int, OffsetRange]) -> None:
    engines.held = held
    with pytest.raises(
        LostRecordsError, match=r"was created again: .* up to \{0: 40\}, .* is lost. Start over by deleting"
    ):
        lost_records.require_none(settings(), QUERY, TOPIC)


@pytest.mark.parametrize(
    ("first", "end", "gap"),
    [(10, 20, OffsetGap(0, 10, 20)), (50, 70, OffsetGap(0, 50, 60)), (60, 70, None), (80, 90, None)],
)
def test_the_lost_part_of_a_batch_follows_from_the_note_alone(first: int, end: int, gap: OffsetGap | None) -> None:
    assert SkipNote(TOPIC, {0: 60}).gap(0, first, end) == gap
    assert SkipNote(TOPIC, {0: 60}).gap(1, first, end) is None
