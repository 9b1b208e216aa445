"""A day's rows are taken from the last check only where nothing about them can have changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventmill.databases import query_engines
from eventmill.databases.query_engines import QueryResult
from eventmill.kafka import dead_letters, topic_reader
from ops.reconciliation import click_snapshot, event_snapshot, mysql_export, snapshot, table_days
from ops.reconciliation.click_snapshot import ClickSnapshot
from ops.reconciliation.event_snapshot import EventSnapshot
from ops.reconciliation.last_check import NOT_NOTED, CheckNote, Day, Found
from spark_jobs.state.state_store import State
from spark_jobs.state.watermark import Partition, Progress
from tests.support import settings
from tests.unit.ops.reconciliation.hdfs_and_hive import Row, Stores

HOUR = 3_600_000_000
JANUARY = 1767225600_000_000
"""2026-01-01, in microseconds since the epoch."""


def state(batch: int, closed: int = 0) -> State:
    """A job's state; the clicks' windows and the game's events are as of it."""
    return State(batch, 300, Progress(closed, 0, {0: Partition(batch)}))


def file(table: str, day: int, batch: int) -> str:
    """The path of what a batch added to a day."""
    return f"{table}/day=2026-01-{day:02}/batch-{batch:010}-part-00000.parquet"


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[State]:
    """The job's state, for the test to change; there is nothing in Kafka."""
    return engines(monkeypatch)


def engines(monkeypatch: pytest.MonkeyPatch) -> list[State]:
    """The other engines, and the states of the job of which the last is the newest."""
    states = [state(4)]
    monkeypatch.setattr(topic_reader, "consumer", lambda _: nullcontext())
    monkeypatch.setattr(topic_reader, "offset_ranges", lambda _client, _topic: {0: topic_reader.OffsetRange(0, 10)})
    monkeypatch.setattr(topic_reader, "topic_id", lambda _settings, _topic: "id")
    monkeypatch.setattr(dead_letters, "read_dead_letters", lambda _settings, _topic: iter(()))
    monkeypatch.setattr(snapshot, "newest_state", lambda _settings, _pipeline: states[-1])
    return states


@pytest.fixture
def game(now: list[State], monkeypatch: pytest.MonkeyPatch) -> Stores:
    """Three days of the game, of batches up to the fourth."""
    stores = Stores("game")
    stores.use(monkeypatch)
    for day in (1, 2, 3):
        stores.write(file("game_events", day, day), Row(f"{day}a", "join_guild"), Row(f"{day}b", "default"))
        stores.write(file("guilds", day, day), Row(f"{day}a", "join_guild"))
    stores.write(file("game_duplicates", 1, 4), Row("1a", "join_guild"))
    return stores


def check(noted: Found = NOT_NOTED) -> EventSnapshot:
    """A check of the game."""
    return event_snapshot.take_event_snapshot(settings(), "game", noted)


def note_of(found: EventSnapshot | ClickSnapshot) -> Found:
    """What the next check finds noted."""
    return Found(msgspec.json.decode(msgspec.json.encode(found.after), type=CheckNote))


def test_days_that_are_as_they_were_are_not_asked_for_again(game: Stores) -> None:
    first = check()
    game.asked.clear()
    again = check(note_of(first))
    assert (again.rows, again.taken, again.days) == (first.rows, 7, 7)
    assert game.asked == []
    assert again.after.days == first.after.days


def test_hive_is_asked_for_all_but_the_days_that_are_taken(game: Stores) -> None:
    noted = note_of(check())
    game.asked.clear()
    game.write(file("guilds", 2, 5), Row("2c", "leave_guild"))
    check(noted)
    assert [each.partition(" WHERE ")[2].partition(" AND ")[0] for each in game.asked] == [
        "`day` NOT IN ('2026-01-01', '2026-01-03')"
    ]


Change = Callable[[Stores], object]
CHANGES: dict[str, Change] = {
    "a file vanished": lambda stores: stores.files.pop(file("game_events", 2, 2)),
    "a file came": lambda stores: stores.write(file("game_events", 2, 3), Row("2c", "default")),
    "a file of another length": lambda stores: stores.write(file("game_events", 2, 2), Row("2a", "join_guild")),
    "a file of another time": lambda stores: stores.write(
        file("game_events", 2, 2), Row("2a", "default"), Row("2a", "default"), modified=2
    ),
    "a day that hive forgot": lambda stores: stores.forgotten.add("game_events/day=2026-01-02"),
    "a day that hive reads elsewhere": lambda stores: stores.elsewhere.update(
        {"game_events/day=2026-01-02": "game_events/day=2026-01-01"}
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_changed_is_found_as_if_nothing_had_been_noted(game: Stores, change: Change) -> None:
    first = check()
    noted = note_of(first)
    change(game)
    again, whole = check(noted), check()
    assert (again.rows, again.unknown) == (whole.rows, whole.unknown)
    assert (again.rows, again.unknown) != (first.rows, first.unknown)


def test_a_day_with_a_file_of_a_later_batch_is_not_noted(game: Stores) -> None:
    game.write(file("game_events", 2, 5), Row("2c", "default"))
    first = check()
    assert first.rows.stored == 6
    assert first.after.days["game_events"].keys() == {"day=2026-01-01", "day=2026-01-03"}


FILES = st.tuples(st.sampled_from(["game_events", "guilds"]), st.integers(1, 4), st.integers(1, 6))
ROWS = st.lists(
    st.builds(Row, st.sampled_from("abcdef"), st.sampled_from(["join_guild", "default"])),
    max_size=4,
    unique_by=lambda row: row.identity,
)
STORES = st.dictionaries(FILES.map(lambda parts: file(*parts)), st.tuples(ROWS, st.integers(1, 2)), max_size=8)


@given(STORES, STORES, st.sets(st.sampled_from([f"game_events/day=2026-01-{day:02}" for day in (1, 2, 3)])))
def test_a_check_finds_what_one_of_everything_finds(
    before: dict[str, tuple[list[Row], int]],
    after: dict[str, tuple[list[Row], int]],
    forgotten: set[str],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        compared(patch, before, after, forgotten)


def compared(
    patch: pytest.MonkeyPatch,
    before: dict[str, tuple[list[Row], int]],
    after: dict[str, tuple[list[Row], int]],
    forgotten: set[str],
) -> None:
    """Check, write, and check again with and without what the first check has noted."""
    stores, now = Stores("game"), engines(patch)
    stores.use(patch)
    for number, (path, (rows, modified)) in enumerate(before.items()):
        # Only what held is noted: each identity is stored once.
        stores.write(path, *(Row(f"{number}{each.identity}", each.label) for each in rows), modified=modified)
    noted = note_of(check())
    now.append(state(6))
    for path, (rows, modified) in after.items():
        # What is written later has another time.
        stores.write(path, *(Row(f"0{each.identity}", each.label) for each in rows), modified=modified + 2)
    stores.forgotten = forgotten
    assert check(noted).rows == check().rows


def test_a_copy_on_another_day_is_found_until_the_job_forgets_the_first(game: Stores, now: list[State]) -> None:
    written_at(game, JANUARY + 30 * HOUR)
    now.append(state(4, JANUARY + 30 * HOUR))
    first = note_of(check())
    copy = file("game_events", 5, 9), Row("1a", "join_guild")
    game.write(*copy)
    now.append(state(9, JANUARY + 30 * HOUR))
    assert check(first).rows.identities == 6
    game.files.pop(copy[0])
    now.append(state(10, JANUARY + 31 * HOUR))
    second = note_of(check(first))
    game.write(*copy)
    now.append(state(11, JANUARY + 31 * HOUR))
    later = check(second)
    # Its day ended 7 hours ago, and its files were there more than GAME_WATERMARK_SECONDS before the last check.
    assert (later.rows.stored, later.rows.identities) == (7, 7)
    assert later.taken < later.days
    assert check().rows.identities == 6


def written_at(stores: Stores, micros: int) -> None:
    """Let all files be written then."""
    for each in stores.files.values():
        each.modified = micros // 1000


@pytest.mark.parametrize(("written", "taken"), [(28, 5), (29, 4)])
def test_files_written_long_before_the_first_check_are_taken_by_the_second(
    game: Stores, now: list[State], written: int, taken: int
) -> None:
    """The job had forgotten by then what they hold, though no check had seen them before."""
    for day in (2, 3):
        game.files.pop(file("game_events", day, day))
    written_at(game, JANUARY + written * HOUR)
    now.append(state(4, JANUARY + 30 * HOUR))
    first = note_of(check())
    game.write(file("game_events", 2, 5), Row("2c", "default"))
    now.append(state(5, JANUARY + 30 * HOUR))
    found = check(first)
    assert (found.taken, found.rows) == (taken, check().rows)


def test_hidden_files_are_none(game: Stores) -> None:
    noted = note_of(check())
    game.write("game_events/day=2026-01-02/_temporary", Row("x", "default"))
    assert check(noted).taken == 7


def test_the_plan_of_hive_says_which_folders_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = """
        Path -> Alias:
          hdfs://127.0.0.1:8020/eventmill/game/guilds/day=2026-01-01 [guilds]
        Path -> Partition:
          hdfs://127.0.0.1:8020/eventmill/game/compacted/guilds/day=2026-01-02/0a1b
            location hdfs://namenode:8020/eventmill/game/guilds
    """
    rows = tuple((line,) for line in plan.splitlines())
    monkeypatch.setattr(query_engines, "hive", lambda _settings, _statement: QueryResult(rows=rows))
    assert table_days.folders_read(settings(), "guilds") == {
        "/eventmill/game/guilds/day=2026-01-01",
        "/eventmill/game/compacted/guilds/day=2026-01-02/0a1b",
        "/eventmill/game/guilds",
    }


@pytest.fixture
def clicks(now: list[State], monkeypatch: pytest.MonkeyPatch) -> Stores:
    """Two days of the clicks, and copies."""
    stores = Stores("clicks")
    stores.use(monkeypatch)
    for day in (1, 2):
        row = Row(f"2026-01-{day:02} 00:00:00", "mobile")
        stores.write(f"commerce/day=2026-01-{day:02}/batch-{day:010}.parquet", row, numbers=(day * 10,))
    for batch in (1, 2):
        stores.write(f"faults/batch-{batch:010}.parquet", Row("2026-01-01 00:00:00", "mobile"), numbers=(1, batch))
    monkeypatch.setattr(click_snapshot, "_open", lambda *_: Counter())
    monkeypatch.setattr(mysql_export, "read_exported", lambda *_: (Counter(), {}))
    return stores


def test_windows_are_taken_as_they_were(clicks: Stores) -> None:
    first = click_snapshot.take_click_snapshot(settings(), "clicks")
    noted = note_of(first)
    clicks.asked.clear()
    again = click_snapshot.take_click_snapshot(settings(), "clicks", noted)
    assert clicks.asked == []
    counts = ("stored", "late", "duplicates", "in_hive")
    assert [getattr(again, name) for name in counts] == [getattr(first, name) for name in counts]
    assert (again.taken, again.days) == (3, 3)
    assert again.after.days == first.after.days


def test_windows_of_a_later_batch_are_in_hive_and_not_yet_stored(clicks: Stores) -> None:
    noted = note_of(click_snapshot.take_click_snapshot(settings(), "clicks"))
    row = Row("2026-01-02 00:05:00", "mobile")
    clicks.write("commerce/day=2026-01-02/batch-0000000005.parquet", row, numbers=(7,))
    clicks.write("faults/batch-0000000005.parquet", row, numbers=(3, 3))
    again, whole = (click_snapshot.take_click_snapshot(settings(), "clicks", each) for each in (noted, NOT_NOTED))
    for name in ("stored", "late", "duplicates", "in_hive"):
        assert getattr(again, name) == getattr(whole, name)
    assert (again.stored.total(), again.in_hive.total(), again.taken) == (30, 37, 2)
    assert again.after.days["commerce"].keys() == {"day=2026-01-01"}
    assert again.after.days["commerce_faults"] == noted.note.days["commerce_faults"]


FAULT = Row("2026-01-01 00:00:00", "手机")


def test_of_late_clicks_and_copies_only_new_files_are_read(clicks: Stores, now: list[State]) -> None:
    noted = note_of(click_snapshot.take_click_snapshot(settings(), "clicks"))
    clicks.asked.clear()
    for batch in (5, 6, 7):
        clicks.write(f"faults/batch-{batch:010}.parquet", FAULT, numbers=(batch, 1))
    now.append(state(6))
    again = click_snapshot.take_click_snapshot(settings(), "clicks", noted)
    assert clicks.asked == []
    assert clicks.brought == ["faults/batch-0000000005.parquet", "faults/batch-0000000006.parquet"]
    assert (again.late.total(), again.duplicates.total()) == (2 + 11, 3 + 2)
    now.append(state(7))
    clicks.brought.clear()
    assert click_snapshot.take_click_snapshot(settings(), "clicks", note_of(again)).late.total() == 2 + 18
    assert clicks.brought == ["faults/batch-0000000007.parquet"]


@pytest.mark.parametrize(
    "change",
    [
        lambda stores: stores.files.pop("faults/batch-0000000002.parquet"),
        lambda stores: stores.write("faults/batch-0000000002.parquet", FAULT, modified=9, numbers=(1, 2)),
        lambda stores: stores.write("faults/batch-0000000003.parquet", FAULT, numbers=(1, 2)),
        lambda stores: stores.write("faults/by-hand.parquet", FAULT, numbers=(1, 2)),
        lambda stores: stores.elsewhere.update({"faults": "faults-of-others"}),
    ],
    ids=["gone", "changed", "of a batch noted", "of no batch", "read elsewhere"],
)
def test_hive_is_asked_for_all_of_them_where_those_noted_are_not_the_same(
    clicks: Stores, now: list[State], change: Change
) -> None:
    noted = note_of(click_snapshot.take_click_snapshot(settings(), "clicks"))
    clicks.write("faults/batch-0000000005.parquet", FAULT, numbers=(5, 1))
    change(clicks)
    now.append(state(6))
    clicks.asked.clear()
    again, whole = (click_snapshot.take_click_snapshot(settings(), "clicks", each) for each in (noted, NOT_NOTED))
    assert any("FROM commerce_faults" in statement for statement in clicks.asked[:-1])
    assert clicks.brought == []
    assert (again.late, again.duplicates) == (whole.late, whole.duplicates)


@given(
    st.dictionaries(st.integers(0, 12), st.tuples(st.sampled_from(["00", "05"]), st.integers(0, 3), st.integers(0, 3))),
    st.lists(st.integers(0, 12)).map(sorted),
)
def test_faults_in_pieces_are_those_of_all_at_once(files: dict[int, tuple[str, int, int]], checks: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        stores, now = Stores("clicks"), engines(patch)
        stores.use(patch)
        patch.setattr(click_snapshot, "_open", lambda *_: Counter())
        patch.setattr(mysql_export, "read_exported", lambda *_: (Counter(), {}))
        noted, written = NOT_NOTED, set[int]()
        for batch in checks:
            # The job may be one batch further than the state that a check sees.
            for each in files.keys() - written:
                if each <= batch + 1:
                    minute, *numbers = files[each]
                    row = Row(f"2026-01-01 00:{minute}:00", "mobile")
                    stores.write(f"faults/batch-{each:010}.parquet", row, numbers=tuple(numbers))
                    written.add(each)
            now.append(state(batch))
            again, whole = (
                click_snapshot.take_click_snapshot(settings(), "clicks", each) for each in (noted, NOT_NOTED)
            )
            assert (again.late, again.duplicates) == (whole.late, whole.duplicates)
            noted = note_of(again)


def test_rows_of_a_window_are_noted_as_one(clicks: Stores) -> None:
    [day] = click_snapshot.take_click_snapshot(settings(), "clicks").after.days["commerce_faults"].values()
    assert isinstance(day, Day)
    assert day.rows == [("2026-01-01 00:00:00", "mobile", 2, 3)]
