"""The game pipeline: what players bought and which guilds they joined and left, as tables of single events."""

from __future__ import annotations

from eventmill.contracts.events import GameEvent
from eventmill.lake.hadoop_files import Files
from spark_jobs.pipelines.event_tables import EventSource, EventTable, EventTables
from spark_jobs.processing.micro_batch import Reject
from spark_jobs.processing.packed_records import Outcome
from spark_jobs.state.watermark import Pace

LABEL = "event_type"
REQUEST = ("Accept", "Host", "User-Agent", LABEL)
PURCHASE = (*REQUEST, "type", "cost")
GUILD = (*REQUEST, "guild_member_cnt", "guild_name", "tot_guild_member_cnt")

TABLES = (
    # All that are stored, and all copies: with the rejected ones they are the topic's records.
    EventTable("game_events", REQUEST),
    EventTable("game_duplicates", REQUEST, outcome=Outcome.DUPLICATE),
    EventTable("sword_purchases", PURCHASE, frozenset({"purchase_sword"})),
    EventTable("purchases", PURCHASE, frozenset({"purchase_sword", "purchase_shield"})),
    EventTable("guilds", GUILD, frozenset({"join_guild", "leave_guild"})),
)


class GameMicroBatch(EventTables):
    """Micro-batch of the game pipeline; an instance is the function for `foreachBatch`."""

    def __init__(self, files: Files, pace: Pace, reject: Reject) -> None:
        super().__init__(files, EventSource(GameEvent, LABEL), TABLES, pace, reject)
