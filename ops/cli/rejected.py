"""Commands for rejected records: list, show, edit, replay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from heapq import nlargest
from typing import Annotated

import typer
from rich.table import Table

from eventmill.config import settings
from eventmill.config.settings import Settings
from eventmill.contracts import validation_report
from eventmill.contracts.events import EventError
from eventmill.kafka import dead_letters, replay
from eventmill.kafka.dead_letters import DeadLetterSummary, History, RecordId, Rejected, RejectedError
from eventmill.kafka.replay import Outgoing, ReplayResult, ReplaySelection
from eventmill.kafka.topics import Topic
from eventmill.text.printable import decoded
from ops.cli.data import progress_bar
from ops.cli.display import say, say_lines, wide
from ops.maintenance import dead_letter_editor
from ops.maintenance.dead_letter_editor import Draft

PREVIEW = 80
SHOWN = 20
TOPIC = "The topic that the records were meant for, such as clicks."
ID = "The record's id, such as 0-17; `list` shows them."

TopicArgument = Annotated[str, typer.Argument(help=TOPIC)]
IdArgument = Annotated[str, typer.Argument(help=ID, metavar="ID")]

rejected_app = typer.Typer(help="Show what was rejected, and why; mend it and send it again.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    app.add_typer(rejected_app, name="rejected")


@rejected_app.command("list")
def list_all(
    topic: TopicArgument,
    reason: Annotated[str, typer.Option(help="Show those with this text in their reason.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Show so many.")] = SHOWN,
) -> None:
    """Show the newest rejected records of a topic, each once, and how often each reason came and was replayed."""
    values = settings.load()
    history = dead_letters.history(values, dead_letters.source(values, topic).name)
    summary, replayed, found = dead_letters.DeadLetterSummary(), Counter[str](), 0

    def wanted() -> Iterator[Rejected]:
        nonlocal found
        for record in dead_letters.distinct(dead_letters.read_dead_letters(values, topic)):
            summary.add(record)
            replayed[dead_letters.general(record.reason)] += record.identity in history.replays
            if replay.has_reason(record, reason):
                found += 1
                yield record

    table = Table("id", "record", "received", "reason", "start of the value", "replayed")
    for record in nlargest(limit, wanted(), key=lambda record: (record.received, record.place)):
        table.add_row(*_row(record, history))
    wide().print(table, _reasons(summary, replayed))
    more = f"; for more: --limit {found}" if found > limit else ""
    say(f"the newest {min(limit, found)} of {found} rejected records{more}")


def _row(record: Rejected, history: History) -> list[str]:
    start = decoded(record.value[: 4 * PREVIEW])[:PREVIEW]  # a character has up to four bytes
    replay = history.replays.get(record.identity)
    cells = (str(record.place), ":".join(record.identity), f"{record.received:%Y-%m-%d %H:%M:%S}", record.reason, start)
    return [*cells, f"{replay.time:%Y-%m-%d %H:%M:%S}" if replay else ""]


def _reasons(summary: DeadLetterSummary, replayed: Counter[str]) -> Table:
    table = Table("reason", "records", "replayed")
    for reason, number in summary.reasons.most_common():
        table.add_row(reason, str(number), str(replayed[reason]))
    return table


@rejected_app.command("show")
def show(topic: TopicArgument, identity: IdArgument) -> None:
    """Show a rejected record, and all that breaks the contract in it."""
    values = settings.load()
    source = dead_letters.source(values, topic)
    record = dead_letters.one(values, topic, dead_letters.RecordId.parse(identity))
    history = dead_letters.history(values, topic)
    facts = Table("rejected record", f"{record.place} of {topic}")
    facts.add_row("reason", record.reason)
    facts.add_row("rejected by", record.origin)
    facts.add_row("received", f"{record.received:%Y-%m-%d %H:%M:%S} UTC")
    for name, value in record.headers:
        if name.startswith("source."):
            facts.add_row(name, decoded(value))
    facts.add_row("key", decoded(record.key))
    if replay := history.replays.get(record.identity):
        facts.add_row("replayed", replay.text(topic))
    wide().print(facts)
    say_lines(decoded(dead_letter_editor.pretty(record.value)))
    _show_difference(source, record.value)


def _show_difference(topic: Topic, value: bytes) -> None:
    assert topic.contract is not None
    found = validation_report.validate(topic.contract, value, datetime.now(UTC))
    table = Table("field", "found", "allowed", "what is wrong")
    for one in found.fields:
        table.add_row(one.path, one.found or "", one.allowed, one.fault or "")
    for path in found.unknown:
        table.add_row(path, "", "not in the contract; stays as it is", "")
    console = wide()
    if table.row_count:
        console.print(table)
    faults = found.faults()
    console.print(f"breaks {topic.contract.__name__}:" if faults else f"keeps {topic.contract.__name__} now")
    for fault in faults:
        console.print(f"  {fault}", highlight=False)


@rejected_app.command("edit")
def edit(
    topic: TopicArgument,
    identity: IdArgument,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="field.path=value, JSON or text; may be repeated.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")] = False,
) -> None:
    """Change a rejected record, by --set or in $VISUAL or $EDITOR, and replay it when it keeps the contract."""
    values = settings.load()
    source, place = dead_letters.source(values, topic), dead_letters.RecordId.parse(identity)
    replay.require_new(topic, dead_letters.history(values, topic), place)
    record = dead_letters.one(values, topic, place)
    if changes:
        _send(values, source, _set(source, record, changes), dry_run)
    else:
        _edit_and_send(values, source, record, dry_run)


def _set(topic: Topic, record: Rejected, changes: list[str]) -> Outgoing:
    value = dead_letter_editor.apply_changes(record.value, map(dead_letter_editor.parse_change, changes))
    try:
        return replay.checked_record(topic, record, value, edited=True)
    except EventError as error:
        raise RejectedError(f"the event still breaks the contract: {error}; nothing was sent") from error


def _edit_and_send(values: Settings, topic: Topic, record: Rejected, dry_run: bool) -> None:
    """Let the user edit the value and send it; the text stays until it's sent."""
    draft = dead_letter_editor.Draft(record.value, f"{topic.name}-{record.place}")
    outgoing = _edited(topic, record, draft)
    try:
        _send(values, topic, outgoing, dry_run)
    except Exception:
        say(f"the text is in {draft.path}", err=True)
        raise
    draft.done()


def _edited(topic: Topic, record: Rejected, draft: Draft) -> Outgoing:
    """The user's edit, once it keeps the contract; the editor opens until then or until the user gives up."""
    while (value := draft.edit()) is not None:
        try:
            return replay.checked_record(topic, record, value, edited=True)
        except EventError as error:
            say(f"the event still breaks the contract: {error}", fg="red", err=True)
            if not typer.confirm(f"Edit it again? The text is in {draft.path}", default=True, err=True):
                raise RejectedError(f"nothing was sent; the text is in {draft.path}") from error
    draft.done()
    again = f"eventmill rejected replay {topic.name} {record.place}"
    raise RejectedError(f"nothing was changed and nothing sent; to send it as it is: {again}")


def _send(values: Settings, topic: Topic, outgoing: Outgoing, dry_run: bool) -> None:
    if dry_run:
        say(decoded(outgoing.value))
        return
    place = replay.replay_edited(values, topic, outgoing)
    wide().print(f"{outgoing.record.place} was replayed as {place.partition}@{place.offset} of {topic.name}")


@rejected_app.command("replay")
def replay_some(
    topic: TopicArgument,
    identities: Annotated[list[str] | None, typer.Argument(help=ID, metavar="ID")] = None,
    reason: Annotated[str, typer.Option(help="Replay those with this text in their reason.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Replay all.")] = False,
) -> None:
    """Send rejected records as they are, those that keep the contract now; none is sent twice."""
    values = settings.load()
    source = dead_letters.source(values, topic)
    if sum(map(bool, (identities, reason, every))) != 1:
        raise RejectedError("say which records to replay, in one way: by their ids, by --reason TEXT, or --all")
    choice = replay.ReplaySelection([dead_letters.RecordId.parse(text) for text in identities or ()], reason, every)
    result = _replay(values, source, choice)
    _show_result(topic, result, named=len(choice.places))


def _replay(values: Settings, topic: Topic, choice: ReplaySelection) -> ReplayResult:
    """Find out what there is before taking over from another replay; then send."""
    history = dead_letters.history(values, topic.name)
    named = choice.identities(topic.name, history)
    with progress_bar() as progress:
        task = progress.add_task("replayed", total=len(named) or (history.waiting() if choice.every else None))
        return replay.replay(values, topic, choice, lambda done: progress.update(task, completed=done))


def _show_result(topic: str, result: ReplayResult, named: int) -> None:
    if named == 1 and result.left:
        raise RejectedError(_sentence(*next(iter(result.left.items()))))
    console = wide()
    for place, why in list(result.left.items())[:SHOWN]:
        console.print(_sentence(place, why), highlight=False)
    if len(result.left) > SHOWN:
        console.print(f"… and {len(result.left) - SHOWN} more that were left")
    console.print(f"{result.sent} rejected records were replayed to {topic}, {len(result.left)} were left")
    if named and result.left:
        raise RejectedError(f"{len(result.left)} of {named} records were not replayed")


def _sentence(place: RecordId, why: str) -> str:
    return f"rejected record {place} {why}"
