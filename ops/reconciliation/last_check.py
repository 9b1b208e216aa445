"""The note on HDFS of the last check of a pipeline that held, for the next check to go on from.

The note lies in the pipeline's folder, so who starts the pipeline over by deleting that deletes the note too. It says
how far the job was then, what Kafka's records came to, and by table and day what Hive gave. Nothing is taken from it
that may have changed since: whoever uses a part of it looks whether that part still holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from eventmill.config.settings import Settings
from eventmill.lake import partition_locations, webhdfs
from spark_jobs.state.state_store import State
from spark_jobs.state.watermark import Progress

FILE = "checked.json"
VERSION = 1
Cell = str | int
RULES = ("{}_window_seconds", "{}_watermark_seconds")
"""The settings of a pipeline that decide what becomes of its records."""

AHEAD = "max_event_time_ahead_seconds"
"""Another one, the same for all pipelines."""


class ViewSums(msgspec.Struct, frozen=True):
    """A count of the clicks, for a later one to go on from; times in microseconds since the epoch.

    Attributes:
        stored: the events by start of the window and source; `late` and `duplicates` likewise.
        newest: the newest time of each Kafka partition.
        seen: of each identity that the job still remembers, its 16 bytes and 8 of its time, one after the other.
    """

    stored: list[tuple[str, str, int]]
    late: list[tuple[str, str, int]]
    duplicates: list[tuple[str, str, int]]
    broken: int
    moved: int
    newest: dict[int, int]
    seen: bytes


class CountedOffsets(msgspec.Struct, frozen=True):
    """The count of Kafka's records.

    Attributes:
        offsets: by partition, the offset of the next record that is to be counted.
        records: the number of those before.
        views: what they are, of the pipeline that counts by windows.
    """

    offsets: Mapping[int, int] = {}
    records: int = 0
    views: ViewSums | None = None


class Day(msgspec.Struct, frozen=True):
    """The rows of a table's day in Hive, of batches up to that of the note.

    Attributes:
        folder: where its files were, from the root of HDFS.
        files: a digest of their names, lengths and modification times.
        rows: as Hive gave them.
        since: the latest that the job's closing watermark can have been when these files were made, in microseconds.
    """

    folder: str
    files: str
    rows: list[tuple[Cell, ...]]
    since: int


Days = Mapping[str, Mapping[str, Day]]
"""By table and day, such as `day=2026-01-01`; a table without days has one that is called ''."""


class Exported(msgspec.Struct, frozen=True):
    """A day of the clicks in MySQL: its rows, the sum of their numbers, and a digest of all their values."""

    rows: int
    total: int
    digest: int


class Promised(msgspec.Struct, frozen=True):
    """The shop's orders of a day whose events are all stored: their number, and a digest of their identities."""

    rows: int
    digest: int


class CheckNote(msgspec.Struct, frozen=True):
    """The findings of a check that held; empty when there was none.

    Attributes:
        time: when it was made, in UTC.
        topic: the name of the pipeline's topic, and `topic_id` the identity that Kafka gave it when it was made.
        rules: the settings that decide what becomes of records.
        batch: of the job's state; -1 before the first.
        progress: of that state.
        exported: by day, such as `2026-01-01`, where MySQL has all that `days` has of the table commerce.
        promised: by day, of the shop's orders, where the events of all of them are stored.
    """

    version: int = VERSION
    time: datetime = datetime.fromtimestamp(0, UTC)
    topic: str = ""
    topic_id: str = ""
    rules: Mapping[str, int] = {}
    batch: int = -1
    progress: Progress = Progress()
    counted: CountedOffsets = CountedOffsets()
    days: Days = {}
    exported: Mapping[str, Exported] = {}
    promised: Mapping[str, Promised] = {}

    def __bool__(self) -> bool:
        """Return true when there was a check."""
        return self.batch >= 0


NOTHING = CheckNote()


class Taken(msgspec.Struct, frozen=True):
    """The share of a check that comes from the note of an earlier one, made at `time`: days of tables and records.

    Attributes:
        days: of the pipeline's tables that are as they were then, of `of_days`.
        records: that were counted then, of `of_records`; none where no records were counted again.
    """

    time: datetime
    days: int
    of_days: int
    records: int
    of_records: int

    def text(self) -> str:
        """As a sentence says it."""
        days = f"{self.days:,} of {self.of_days:,} days of tables, " if self.of_days else ""
        records = f"{self.records:,} of {self.of_records:,} records"
        return f"taken from the check of {self.time:%Y-%m-%d %H:%M:%S} UTC: {days}{records}"


class Found(NamedTuple):
    """The note, or an empty one and the reason why the one that is there does not count."""

    note: CheckNote = NOTHING
    ignored: str = ""


NOT_NOTED = Found()


def rules(settings: Settings, pipeline: str) -> dict[str, int]:
    """The settings by which the pipeline judges its records now, with their values."""
    names = [rule.format(pipeline) for rule in RULES if hasattr(settings, rule.format(pipeline))]
    return {name: getattr(settings, name) for name in (*names, AHEAD)}


def read_note(settings: Settings, pipeline: str) -> Found:
    """The note about a pipeline."""
    path = partition_locations.path(pipeline, FILE)
    if not webhdfs.exists(settings, path):
        return Found()
    content = webhdfs.read(settings, path)
    try:
        if msgspec.json.decode(content, type=_Version).version != VERSION:
            return Found(ignored="its note was made by another version")
        return Found(msgspec.json.decode(content, type=CheckNote))
    except msgspec.DecodeError:
        return Found(ignored="its note cannot be read")


class _Version(msgspec.Struct):
    version: int


def usable(found: Found, now: CheckNote, state: State | None) -> Found:
    """The note if it is about the topic and by the rules of `now`, and the job is not behind it."""
    note = found.note
    if not note:
        return found
    if (note.topic, note.topic_id) != (now.topic, now.topic_id):
        return Found(ignored=f"the topic {now.topic} is not the one that it was about")
    if note.rules != now.rules:
        return Found(ignored="windows, watermark or MAX_EVENT_TIME_AHEAD_SECONDS were set otherwise")
    if state is None or _is_behind(state, note):
        return Found(ignored="it was about a later state of the job than the one that is there")
    return found


def _is_behind(state: State, note: CheckNote) -> bool:
    now = state.progress.partitions
    further = (p.next_offset > now[n].next_offset if n in now else True for n, p in note.progress.partitions.items())
    return state.batch < note.batch or state.progress.closed < note.progress.closed or any(further)


def write_note(settings: Settings, pipeline: str, note: CheckNote) -> None:
    """Leave the note for the next check.

    Raises:
        requests.RequestException: when HDFS does not take it.
    """
    webhdfs.write(settings, msgspec.json.encode(note), partition_locations.path(pipeline, FILE))
