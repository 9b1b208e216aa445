"""Commands for what goes into the stack and what came of it: generate, send, watch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from eventmill.config import settings
from eventmill.kafka import watch as topic_watch
from eventmill.text.printable import decoded
from eventmill.text.terminal import Console
from ops.cli import display
from ops.cli.display import wide
from ops.datagen import page_logs, product_views, spec, user_actions
from ops.datagen.cart_truth import CartsTruth
from ops.datagen.ground_truth import PageLogsTruth, Truth
from ops.datagen.product_views import require_folders
from ops.datagen.spec import Spec
from ops.senders import event_api, kafka_arrival, nifi_inbox, source_cluster

Wanted = TypeVar("Wanted", bound=Spec)
Known = TypeVar("Known", Truth, CartsTruth, PageLogsTruth)

SeedOption = Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")]
LateOption = Annotated[str, typer.Option(help="Late ones to add, of the count.")]
DuplicatesOption = Annotated[str, typer.Option(help="Duplicates to add, of the count.")]
BrokenOption = Annotated[str, typer.Option(help="Broken records to add, of the count.")]

generate_app = typer.Typer(help="Write seeded sample events and the truth about them.", no_args_is_help=True)
send_app = typer.Typer(help="Send a file, and wait until Kafka has it.", no_args_is_help=True)


class FileLayout(StrEnum):
    """Layout of records in a file."""

    lines = "lines"
    array = "array"


class Look(StrEnum):
    """Layout of a record on the terminal."""

    raw = "raw"
    json = "json"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(generate_app, name="generate")
    app.add_typer(send_app, name="send")
    app.command()(watch)


@generate_app.callback()
def generate() -> None:
    """Write seeded sample events and the truth about them."""


@generate_app.command("clicks")
def generate_clicks(
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("clicks.json"),
    truth: Annotated[Path, typer.Option(help="File for the counts that the stack must come to.")] = Path("truth.json"),
    count: Annotated[int, typer.Option(help="Unique product views that are on time.")] = 100_000,
    seed: SeedOption = 7,
    span: Annotated[str, typer.Option(help="Event time that they cover, such as 90m or 6h.")] = "6h",
    late: LateOption = "1%",
    duplicates: DuplicatesOption = "1%",
    broken: BrokenOption = "0.5%",
    start: Annotated[str, typer.Option(help="Time of the first event.")] = "2026-01-01T00:00:00Z",
    layout: Annotated[FileLayout, typer.Option("--format", help="JSON lines or one JSON array.")] = FileLayout.lines,
) -> None:
    """Write product views, some of them late, doubled or broken, and the truth about them."""
    values = settings.load()
    wanted = spec.Spec(
        count=count,
        seed=seed,
        start=spec.start_time(start),
        span=spec.seconds(span),
        late=spec.share(late),
        duplicates=spec.share(duplicates),
        broken=spec.share(broken),
        window=values.clicks_window_seconds,
        watermark=values.clicks_watermark_seconds,
        array=layout is FileLayout.array,
    )
    _generate(product_views.write_product_views, wanted, out, truth)


@generate_app.command("carts")
def generate_carts(
    out: Annotated[Path, typer.Option(help="File to write, JSON lines.")] = Path("actions.json"),
    truth: Annotated[Path, typer.Option(help="File for the carts and counts that the stack must come to.")] = Path(
        "carts-truth.json"
    ),
    count: Annotated[int, typer.Option(help="Unique actions that are on time.")] = 20_000,
    users: Annotated[int, typer.Option(help="Shoppers at most.")] = 500,
    seed: SeedOption = 7,
    span: Annotated[str, typer.Option(help="Event time that they cover, such as 90m or 6h.")] = "2h",
    late: LateOption = "1%",
    duplicates: DuplicatesOption = "1%",
    broken: BrokenOption = "0.5%",
    start: Annotated[str, typer.Option(help="Time from which on they act.")] = "2026-01-01T00:00:00Z",
) -> None:
    """Write what shoppers do, some of it late, doubled or broken, and the truth about their carts."""
    values = settings.load()
    wanted = spec.CartsPlan(
        count=count,
        seed=seed,
        start=spec.start_time(start),
        span=spec.seconds(span),
        late=spec.share(late),
        duplicates=spec.share(duplicates),
        broken=spec.share(broken),
        window=values.carts_window_seconds,
        watermark=values.carts_watermark_seconds,
        users=users,
        timeout=values.cart_timeout,
        partitions=values.carts_partitions,
    )
    result = _generate(user_actions.write_user_actions, wanted, out, truth)
    carts = Counter(cart.outcome for cart in result.carts)
    wide().print(f"carts: {carts['ordered']} ordered, {carts['abandoned']} abandoned, {carts['open']} open at the end")


@generate_app.command("visits")
def generate_visits(
    out: Annotated[Path, typer.Option(help="File to write, JSON lines.")] = Path("page-logs.json"),
    truth: Annotated[Path, typer.Option(help="File for the views that the star schema must come to.")] = Path(
        "visits-truth.json"
    ),
    count: Annotated[int, typer.Option(help="Unique page logs.")] = 20_000,
    seed: SeedOption = 7,
    span: Annotated[str, typer.Option(help="Time that they cover, such as 90m or 6h.")] = "6h",
    duplicates: DuplicatesOption = "1%",
    broken: BrokenOption = "0.5%",
    start: Annotated[str, typer.Option(help="Time of the first log.")] = "2026-01-01T00:00:00Z",
) -> None:
    """Write page logs, some of them doubled or broken, and the truth about them."""
    wanted = spec.Spec(
        count=count,
        seed=seed,
        start=spec.start_time(start),
        span=spec.seconds(span),
        duplicates=spec.share(duplicates),
        broken=spec.share(broken),
    )
    _generate(page_logs.write_page_logs, wanted, out, truth)


def _generate(
    write: Callable[[Wanted, Path, Path, Callable[[int], None]], Known], wanted: Wanted, out: Path, truth: Path
) -> Known:
    """Write what is wanted, and say what it holds."""
    wanted.check(datetime.now(UTC))
    require_folders(out, truth)
    with progress_bar() as progress:
        task = progress.add_task("records", total=wanted.count)
        result = write(wanted, out, truth, lambda done: progress.update(task, completed=done))
        progress.update(task, total=result.lines)
    planted = result.planted
    held = f"{planted.late} late, {planted.duplicates} duplicates, {planted.broken} broken"
    wide().print(f"{out}: {result.lines} records, of which {held}; truth in {truth}")
    return result


@send_app.callback()
def send() -> None:
    """Send a file, and wait until Kafka has it."""


@send_app.command("clicks")
def send_clicks(
    file: Annotated[Path, typer.Argument(help="A JSON array or JSON lines of product views.")],
    again: Annotated[bool, typer.Option("--again", help="Send it even if its content was sent before.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait until Kafka has all of it.")] = True,
    patience: Annotated[int, typer.Option(min=1, help="Seconds without a further record until giving up.")] = 120,
) -> None:
    """Put a file into NiFi's inbox; content that was sent before is not sent again."""
    values, console = settings.load(), wide()
    arrival = kafka_arrival.Arrival(values, values.clicks_topic) if wait else None
    receipt = nifi_inbox.send_file(file, values, "clicks", again)
    if not receipt.sent:
        console.print(f"{file} was sent before as {receipt.name}; to send it once more, add --again")
    elif arrival is None:
        console.print(f"{file} lies in the inbox as {receipt.name}")
    else:
        expected = kafka_arrival.records_in(file)
        with progress_bar() as progress:
            task = progress.add_task("in Kafka", total=expected)
            bad = arrival.wait(receipt.name, expected, patience, lambda done: progress.update(task, completed=done))
        console.print(f"Kafka has {expected - bad} records of {file}; NiFi rejected {bad}")


@send_app.command("carts")
def send_carts(
    file: Annotated[Path, typer.Argument(help="User actions, one JSON object a line.")],
    key: Annotated[str, typer.Option(envvar="EVENTMILL_API_KEY", help="Key of the API, where it asks for one.")] = "",
    batch: Annotated[int, typer.Option(min=1, help="Lines of a request at most.")] = 500,
    patience: Annotated[int, typer.Option(min=1, help="Seconds for a request that Kafka is away for.")] = 60,
) -> None:
    """Post what shoppers do to the event API, line after line; ends when Kafka has all of it."""
    poster = event_api.Poster(settings.load(), "UserAction", key, patience)
    with progress_bar() as progress:
        task = progress.add_task("posted", total=event_api.lines_in(file))
        result = poster.post(file, batch, lambda done: progress.update(task, completed=done))
    wide().print(f"Kafka has {result.accepted} events of {file}; the API rejected {result.rejected}")


@send_app.command("visits")
def send_visits(
    file: Annotated[Path, typer.Argument(help="Page logs, one JSON object a line.")],
    patience: Annotated[int, typer.Option(min=1, help="Seconds that the source cluster may be away for.")] = 60,
) -> None:
    """Write page logs to the source cluster, from where the forwarder copies them; ends when it has all of them."""
    with progress_bar() as progress:
        task = progress.add_task("written", total=event_api.lines_in(file))
        number = source_cluster.send_page_logs(
            settings.load(), file, patience, lambda done: progress.update(task, completed=done)
        )
    wide().print(f"the source cluster has {number} page logs of {file}")


def watch(
    topic: Annotated[str, typer.Argument(help="Any topic, such as clicks or clicks.rejected.")],
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="Start with the oldest record.")] = False,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many records.")] = None,
    look: Annotated[Look, typer.Option("--format", help="The values with a headline each, or JSON lines.")] = Look.raw,
) -> None:
    """Show a topic's records as they come."""
    for record in islice(topic_watch.watch_records(settings.load(), topic, from_beginning), count):
        if look is Look.json:
            display.data(topic_watch.record_json(record))
        else:
            display.say(topic_watch.headline(record), dim=True)
            display.say(decoded(record.value))


def progress_bar() -> Progress:
    """A bar with the number of records done and of all, and the time; on standard error, beside the result."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True))
