"""A batch that may go on without what Kafka removed counts it as lost, also when it is all that the batch has."""

from __future__ import annotations

import msgspec

from eventmill.lake.lost_records import NOTE, SkipNote
from tests.unit.spark_jobs.source.test_kafka_reader import TOPIC, plan
from tests.unit.spark_jobs.support import GamePipeline, Record, game_event


def test_lost_offsets_are_counted_apart(game: GamePipeline) -> None:
    plan(game.folder, {0: 0}, {0: 2}, {0: 9}, {0: 12})
    game.feed(game_event(1), game_event(2))
    (game.folder / NOTE).write_bytes(msgspec.json.encode(SkipNote(TOPIC, {0: 10})))
    game.feed()
    assert game.state()["totals"]["lost"] == 7
    game.feed(Record(game_event(3), offset=10), Record(game_event(4), offset=11))
    state = game.state()
    assert {name: state["totals"][name] for name in ("records", "stored", "lost")} == {
        "records": 4,
        "stored": 4,
        "lost": 8,
    }
    assert len(game.table("game_events")) == 4
