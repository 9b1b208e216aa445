"""The game pipeline from Kafka records to tables and the answers of the named queries: each event is there once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, timedelta
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest

from eventmill.config.settings import ROOT
from eventmill.contracts.events import GameEvent
from eventmill.databases import named_queries
from spark_jobs.pipelines.event_tables import EventTable, Horizon, file_names
from spark_jobs.pipelines.game import TABLES, GameMicroBatch
from spark_jobs.pipelines.registry import PIPELINES
from spark_jobs.processing.packed_records import Outcome, unpack
from spark_jobs.source.schema import column_type
from tests.support import settings
from tests.unit.spark_jobs.support import START, GamePipeline, Record, game_event, packed_records

HOUR = 3600
SWORD: dict[str, Any] = {"event_type": "purchase_sword", "type": "sabre", "cost": 6}
SHIELD: dict[str, Any] = {"event_type": "purchase_shield", "type": "pot_lid"}
JOIN: dict[str, Any] = {
    "event_type": "join_guild",
    "guild_name": "grubs",
    "guild_member_cnt": 3,
    "tot_guild_member_cnt": 9,
}
LEAVE: dict[str, Any] = {"event_type": "leave_guild", "guild_name": "house_greyjoy"}

LOOP = (
    ("user1.comcast.com", "purchase_sword", "sabre", 2),
    ("user1.comcast.com", "purchase_shield", "mirror_shield", 1),
    ("user1.comcast.com", "join_guild", "house_stark", 4),
    ("user1.comcast.com", "leave_guild", "house_stark", 3),
    ("anand.comcast.com", "join_guild", "grubs", 2),
    ("dre.comcast.com", "join_guild", "grubs", 1),
    ("dre.comcast.com", "join_guild", "secret_club", 1),
    ("anand.comcast.com", "join_guild", "secret_club", 1),
    ("user1.comcast.com", "leave_guild", "house_greyjoy", 3),
    ("user2.att.com", "purchase_sword", "katana", 1),
    ("user2.att.com", "purchase_sword", "estoc", 2),
    ("user2.comcast.com", "purchase_shield", "leather_shield", 1),
)
PRICES = {"sabre": 6, "mirror_shield": 42, "katana": 10, "estoc": 7, "leather_shield": 5}
ANSWERS: Mapping[str, Sequence[tuple[object, ...]]] = {
    "game-hosts": [
        ("anand.comcast.com",),
        ("dre.comcast.com",),
        ("user1.comcast.com",),
        ("user2.att.com",),
        ("user2.comcast.com",),
    ],
    "game-purchases": [("user1.comcast.com", 156), ("user2.att.com", 156), ("user2.comcast.com", 52)],
    "game-spending": [
        ("user1.comcast.com", Decimal(2808)),
        ("user2.att.com", Decimal(1248)),
        ("user2.comcast.com", Decimal(260)),
    ],
    "game-items": [("estoc", 104), ("sabre", 104), ("katana", 52), ("leather_shield", 52), ("mirror_shield", 52)],
    "guild-events": [(780,)],
    "guild-events-complete": [(624,)],
    "guild-sizes": [("grubs", 156), ("secret_club", 104), ("house_stark", 52)],
    "guild-joins": [("user1.comcast.com", 208), ("anand.comcast.com", 156), ("dre.comcast.com", 104)],
    "guild-leaves": [("user1.comcast.com", 312, 156)],
}
"""What the named queries give after 52 loops."""


def loops(number: int) -> Iterator[bytes]:
    """The events of that many loops, a millisecond apart."""
    guilds: dict[str, int] = {}
    script = [step for _ in range(number) for step in LOOP for _ in range(step[3])]
    for n, (host, kind, name, _) in enumerate(script):
        details: dict[str, Any] = {"type": name, "cost": PRICES.get(name)}
        if kind.endswith("_guild"):
            if kind == "join_guild" or name in guilds:
                guilds[name] = max(0, guilds.get(name, 0) + (1 if kind == "join_guild" else -1))
            details = {"guild_name": name, "guild_member_cnt": guilds.get(name)}
            details["tot_guild_member_cnt"] = sum(guilds.values()) if name in guilds else None
        yield game_event(n / 1000, kind, host=host, **details)


def test_52_loops_give_the_known_answers(game: GamePipeline) -> None:
    events = list(loops(52))
    game.feed(*events[:700]).feed(*events[600:])
    for table in ("game_events", "sword_purchases", "purchases", "guilds"):
        game.spark.read.parquet(f"{game.folder}/{table}").createOrReplaceTempView(table)
    asked = {query.name: query for query in named_queries.read_queries(named_queries.FOLDER / "game.sql")}
    assert asked.keys() == ANSWERS.keys()
    for name, query in asked.items():
        rows = [tuple(row) for row in game.spark.sql(query.statement.rstrip(";")).collect()]
        assert rows == ANSWERS[name], name
    assert game.state()["totals"] | {"duplicates": 100, "stored": 52 * 22} == game.state()["totals"]
    assert game.spark.sql("SELECT COUNT(*) FROM sword_purchases").collect()[0][0] == 52 * 5


def test_each_event_is_in_its_tables_as_it_came(game: GamePipeline) -> None:
    default, unusual = game_event(0.000001, Accept="*/*"), {"User-Agent": None, "extra": "é"}
    sword, shield = game_event(1, **SWORD), game_event(2, **SHIELD | unusual)
    join, leave = game_event(24 * HOUR, **JOIN), game_event(3, **LEAVE)
    game.feed(default, sword, shield, join, leave)
    assert [row["raw_event"] for row in game.table("game_events")] == [
        value.decode() for value in (default, sword, shield, leave, join)
    ]
    base = {"Accept": None, "Host": "user1.comcast.com", "User-Agent": "ApacheBench/2.3"}
    first, last = (START + timedelta(seconds=seconds) for seconds in (1, 24 * HOUR))
    assert naive(game.table("sword_purchases")) == [{"raw_event": sword.decode(), "timestamp": first, **base, **SWORD}]
    assert [(row["type"], row["cost"], row["User-Agent"]) for row in game.table("purchases")] == [
        ("sabre", 6, "ApacheBench/2.3"),
        ("pot_lid", None, None),
    ]
    assert naive(game.table("guilds"))[1] == {"raw_event": join.decode(), "timestamp": last, **base, **JOIN}
    assert [row["guild_member_cnt"] for row in game.table("guilds")] == [None, 3]
    assert naive(game.table("game_events"))[0]["timestamp"] == START + timedelta(microseconds=1)
    assert game.files("game_duplicates") == []
    assert [str(path.relative_to(game.folder)) for path in game.files("guilds")] == [
        "guilds/day=2026-01-01/batch-0000000000-part-00000.parquet",
        "guilds/day=2026-01-02/batch-0000000000-part-00000.parquet",
    ]
    for column in pq.ParquetFile(game.files("guilds")[0]).metadata.row_group(0).to_dict()["columns"]:
        assert column["compression"] == "SNAPPY"
        assert (column["physical_type"] == "INT96") == (column["path_in_schema"] == "timestamp")


def naive(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """The rows with the zone that INT96 doesn't have."""
    return [row | {"timestamp": row["timestamp"].replace(tzinfo=UTC)} for row in rows]  # type: ignore[attr-defined]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_hive_declares_the_columns_in_the_order_of_the_files(table: EventTable) -> None:
    declared = re.findall(
        r"CREATE EXTERNAL TABLE IF NOT EXISTS (\w+) \((.+?)\n\)(?:\nCOMMENT '[^']+')?"
        r"\nPARTITIONED BY \(`day` STRING\)\nSTORED AS PARQUET\nLOCATION '(.+?)';",
        (ROOT / "sql" / "hive" / "game.sql").read_text(),
        re.DOTALL,
    )
    columns = {name: re.findall(r"^  `?([\w-]+)`? (\w+)", body, re.MULTILINE) for name, body, _ in declared}
    assert [name for name, *_ in declared] == [each.name for each in TABLES]
    assert {location for *_, location in declared} == {f"/eventmill/game/{each.name}" for each in TABLES}
    own = [(path, column_type(GameEvent, path).simpleString().upper()) for path in table.columns]
    assert columns[table.name] == [("raw_event", "STRING"), ("timestamp", "TIMESTAMP"), *own]


def test_every_record_is_accounted_for_however_late(game: GamePipeline) -> None:
    game.partitions = 2
    game.feed(
        Record(game_event(5 * HOUR, number=1), 0),
        Record(game_event(5 * HOUR, number=1, host="other"), 1),
        Record(b"{", 0),
        Record(game_event(0, "purchase_sword", 2), 1),
        Record(game_event(1, number=3), 1),
    )
    game.feed(Record(game_event(5 * HOUR, number=1), 1), Record(game_event(2, number=4), 0), Record(None, 0))
    assert [headers["reason"] for _, headers in sorted(game.rejected.items())] == [
        "Input data was truncated",
        "empty value",
        "type: missing",
    ]
    assert game.state()["totals"] == {
        "records": 8,
        "stored": 3,
        "rejected": 3,
        "late": 0,
        "duplicates": 2,
        "final": 0,
        "lost": 0,
    }
    assert len(game.table("game_events")) == 3
    assert [row["Host"] for row in game.table("game_duplicates")] == ["other", "user1.comcast.com"]


def test_an_identity_is_forgotten_behind_the_horizon(game: GamePipeline) -> None:
    game.feed(game_event(0, number=1), game_event(HOUR, number=2))
    game.feed(game_event(2 * HOUR + 1, number=3), game_event(0, number=1))
    assert game.state()["totals"]["duplicates"] == 1
    game.feed(game_event(2 * HOUR + 2, number=4), game_event(0, number=1))
    game.feed(game_event(0, number=1), game_event(HOUR, number=2))
    assert game.state()["totals"]["duplicates"] == 3
    assert len(game.table("game_events")) == 5
    packs = pq.read_table(game.folder / "state" / "3" / "rows").column("records").to_pylist()
    assert sorted(unpack(packs).column("low").to_pylist()) == [1, 2, 3, 4]


def test_what_comes_behind_the_watermark_is_remembered_from_where_that_is() -> None:
    horizon = Horizon(closed=100, watermark=10)
    stored = packed_records({"time": 5}, {"time": 105}, {"time": 95, "outcome": Outcome.SEEN})
    remembered = horizon.from_now(stored)
    assert remembered.column("time").to_pylist() == [100, 105, 95]
    assert Horizon(105, 10).remembered(remembered).column("time").to_pylist() == [100, 105]
    assert Horizon(115, 10).remembered(remembered).num_rows == 0


def test_files_are_numbered_by_day() -> None:
    written = [f"staging/x/guilds/day=2026-01-0{day}/part-{n}.parquet" for day, n in ((1, 0), (1, 1), (2, 0))]
    assert file_names(written, 12) == [
        "day=2026-01-01/batch-0000000012-part-00000.parquet",
        "day=2026-01-01/batch-0000000012-part-00001.parquet",
        "day=2026-01-02/batch-0000000012-part-00000.parquet",
    ]


def test_a_crash_at_each_step_changes_nothing(game: GamePipeline) -> None:
    first = [game_event(1, number=1), game_event(2, **SWORD), game_event(3, **JOIN)]
    second = [game_event(24 * HOUR, **SWORD), b"{", game_event(1, number=1), game_event(4, **LEAVE)]
    expected = GamePipeline(game.spark, game.folder.with_name("expected"))
    for pipeline in (game, expected):
        pipeline.feed(*first)
    reference = expected.feed(*second).snapshot()
    records = [Record(value, offset=len(first) + n) for n, value in enumerate(second)]
    steps = 0
    while game.crash(records, steps):
        steps += 1
    assert steps > 10
    assert game.snapshot() == reference


def test_what_an_earlier_try_published_under_other_names_is_removed(game: GamePipeline) -> None:
    game.feed(game_event(1, **SWORD), game_event(2))
    before = game.snapshot()
    for table, day in (("purchases", "2026-01-01"), ("guilds", "2026-01-07")):
        folder = game.folder / table / f"day={day}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "batch-0000000000-part-00001.parquet").write_bytes(game.files("game_events")[0].read_bytes())
    game.batches, game.offsets = 0, {}
    game.feed(game_event(1, **SWORD), game_event(2))
    assert game.snapshot() == before


def test_a_batch_without_records_leaves_no_files(game: GamePipeline) -> None:
    game.feed()
    assert game.snapshot()["files"] == []


def test_the_settings_wire_the_pipeline(game: GamePipeline) -> None:
    pipeline = PIPELINES["game"](game.spark, settings(game_trigger_seconds=3), True)
    assert (pipeline.topic, pipeline.trigger_seconds, pipeline.max_offsets) == ("events", 3, 100_000)
    assert isinstance(pipeline.process, GameMicroBatch)
