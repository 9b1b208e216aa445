"""Seeded product views with planted faults, and the truth that the stack must come to.

Events lie in the file in the order of their arrival. An event's time is its arrival less a jitter of under a fifth of
the watermark, and a duplicate arrives within two fifths of the watermark after its original, so neither is ever late.
A late event comes right after an event of the same user, hence of the same Kafka partition, and is at least six
watermarks older, so it is late wherever a batch ends and however many partitions there are.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from itertools import cycle, islice
from math import inf
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from eventmill.config.atomic_files import staged
from ops.datagen.faults import FAULTS, LINE_FAULTS, Event
from ops.datagen.ground_truth import Expected, Planted, Truth, write_truth
from ops.datagen.spec import GenerateError, Spec

# Sources and how often each comes, in thousandths. Names that differ in case, accent or script only are distinct.
SOURCES = {
    "desktop": 372,
    "mobile": 290,
    "tablet": 104,
    "smart-tv": 62,
    "téléphone": 53,
    "手机": 44,
    "телефон": 35,
    "telephone": 19,
    "Mobile": 13,
    "📱": 8,
}
USERS = 500
PRODUCTS = 1000
CHUNK = 10_000
NAMES, WEIGHTS = list(SOURCES), np.cumsum(list(SOURCES.values()))
Progress = Callable[[int], object]
Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]
# One event in sixteen each has its time in RFC 3339, in UTC or with another offset, by its id's last digit.
STYLES = {"0": "utc", "1": "offset"}
EAST = timezone(timedelta(hours=2))


class View(NamedTuple):
    """One product view; its time in whole seconds since the epoch."""

    messageid: str
    userid: str
    productid: str
    source: str
    time: int


@dataclass
class Tally:
    """The counts as they are generated, by window (its start in seconds since the epoch) and source."""

    count: Counter[tuple[int, str]] = field(default_factory=Counter)
    late: Counter[tuple[int, str]] = field(default_factory=Counter)
    duplicates: Counter[tuple[int, str]] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)


def due(waiting: list[tuple[float, int, bytes]], time: float) -> Iterator[bytes]:
    """The duplicates that come until then, which are taken out of a heap of their times, places and lines."""
    while waiting and waiting[0][0] <= time:
        yield heapq.heappop(waiting)[2]


class Plant:
    """The places at which faults of one sort come, and the chance that decides about them."""

    def __init__(self, stream: int, wanted: float, plan: Spec, first: int = 0) -> None:
        self.chance = np.random.default_rng([plan.seed, stream])
        room = max(0, plan.count - first)
        number = min(round(wanted * plan.count), room)
        # One place at random in each of as many equal parts, so that they are distinct and spread over the file.
        bounds = first + np.arange(number + 1) * room // max(1, number)
        self._places = bounds[:-1] + (self.chance.random(number) * np.diff(bounds)).astype(np.int64)

    def within(self, indexes: range) -> list[int]:
        """The places among these indexes, in order."""
        low, high = np.searchsorted(self._places, (indexes.start, indexes.stop))
        places: list[int] = self._places[low:high].tolist()
        return places


class ProductViewGenerator:
    """The records of one plan, in the order of the file; `tally` holds their counts once all were taken."""

    def __init__(self, plan: Spec) -> None:
        self.plan = plan
        self.tally = Tally()
        self._start = int(plan.start.timestamp())
        self._chance = np.random.default_rng([plan.seed, 0])
        self._late = Plant(1, plan.late, plan, plan.first_late())
        self._duplicates = Plant(2, plan.duplicates, plan)
        self._broken = Plant(3, plan.broken, plan)
        self._kinds = cycle((FAULTS if plan.array else FAULTS | LINE_FAULTS).items())
        self._waiting: list[tuple[float, int, bytes]] = []

    def chunks(self) -> Iterator[list[bytes]]:
        """All records, some thousand at a time."""
        for first in range(0, self.plan.count, CHUNK):
            yield self._chunk(range(first, min(first + CHUNK, self.plan.count)))
        yield list(due(self._waiting, inf))

    def _chunk(self, indexes: range) -> list[bytes]:
        arrivals = self.plan.span * (np.arange(indexes.start, indexes.stop) + 1) / self.plan.count
        views = self._on_time(arrivals)
        doubled = set(self._duplicates.within(indexes))
        late, broken = self._late_after(indexes, views), self._broken_after(indexes, views)
        lines: list[bytes] = []
        for index, arrival, view in zip(indexes, arrivals.tolist(), views, strict=True):
            lines += due(self._waiting, arrival)
            lines.append(encode_view(view))
            if index in doubled:
                self._double(index, arrival, view, lines[-1])
            if index in late:
                lines.append(late[index])
            if index in broken:
                lines.append(broken[index])
        return lines

    def _on_time(self, arrivals: Numbers) -> list[View]:
        """The unique events that are on time, each with a jitter of under a fifth of the watermark."""
        number = len(arrivals)
        after = np.maximum(0, arrivals - self._chance.random(number) * (self.plan.watermark / 5)).astype(np.int64)
        userids = [f"user-{user}" for user in skewed(self._chance, number, USERS)]
        views = _views(self._chance, userids, (self._start + after).tolist())
        self._count(self.tally.count, views)
        return views

    def _double(self, index: int, arrival: float, view: View, line: bytes) -> None:
        delay = self._duplicates.chance.random() * self.plan.watermark * 2 / 5
        heapq.heappush(self._waiting, (arrival + delay, index, line))
        self._count(self.tally.duplicates, [view])

    def _late_after(self, indexes: range, views: list[View]) -> dict[int, bytes]:
        """By index, a view of the same user that is six to twelve watermarks older, though not before the start."""
        places, chance, least = self._late.within(indexes), self._late.chance, 6 * self.plan.watermark
        before = [views[place - indexes.start] for place in places]
        latest = np.array([view.time - least for view in before], dtype=np.int64)
        times = latest - (chance.random(len(places)) * np.minimum(least, latest - self._start)).astype(np.int64)
        late = _views(chance, [view.userid for view in before], times.tolist())
        self._count(self.tally.late, late)
        return dict(zip(places, map(encode_view, late), strict=True))

    def _broken_after(self, indexes: range, views: list[View]) -> dict[int, bytes]:
        """By index, a record that breaks the contract, the kinds in turn."""
        places = self._broken.within(indexes)
        before = [views[place - indexes.start] for place in places]
        bases = _views(self._broken.chance, [view.userid for view in before], [view.time for view in before])
        kinds = list(islice(self._kinds, len(places)))
        self.tally.broken.update(kind for kind, _ in kinds)
        return {place: fault(view_event(base)) for place, base, (_, fault) in zip(places, bases, kinds, strict=True)}

    def _count(self, counter: Counter[tuple[int, str]], views: list[View]) -> None:
        window = self.plan.window
        counter.update((view.time - view.time % window, view.source) for view in views)

    def truth(self) -> Truth:
        """The truth of the records taken so far."""
        plan, tally = self.plan, self.tally
        planted = Planted(tally.late.total(), tally.duplicates.total(), tally.broken.total())
        return Truth(
            seed=plan.seed,
            count=tally.count.total(),
            lines=tally.count.total() + planted.late + planted.duplicates + planted.broken,
            planted=planted,
            broken_kinds=dict(tally.broken),
            window_seconds=plan.window,
            watermark_seconds=plan.watermark,
            windows=[self._expected(*key) for key in sorted(tally.count | tally.late)],
        )

    def _expected(self, window: int, source: str) -> Expected:
        key, tally = (window, source), self.tally
        start = datetime.fromtimestamp(window, UTC)
        return Expected(start, source, tally.count[key], tally.late[key], tally.duplicates[key])


def _views(chance: np.random.Generator, userids: list[str], times: list[int]) -> list[View]:
    """Views by these users at these times; all else is left to chance."""
    number = len(times)
    products = [f"product-{product}" for product in skewed(chance, number, PRODUCTS)]
    picks = np.searchsorted(WEIGHTS, chance.random(number) * WEIGHTS[-1], side="right").tolist()
    sources = [NAMES[pick] for pick in picks]
    return list(map(View, uuids(chance, number), userids, products, sources, times))


def skewed(chance: np.random.Generator, number: int, most: int) -> list[int]:
    """Numbers from 1 to `most`, the low ones more often."""
    numbers: list[int] = (1 + chance.random(number) ** 2 * most).astype(np.int64).tolist()
    return numbers


def uuids(chance: np.random.Generator, number: int) -> list[str]:
    """Version 4 UUIDs; formatted here, for `uuid.UUID` takes four times as long."""
    text = chance.bytes(16 * number).hex()
    digits = [text[at : at + 32] for at in range(0, len(text), 32)]
    return [f"{d[:8]}-{d[8:12]}-4{d[13:16]}-a{d[17:20]}-{d[20:]}" for d in digits]


def view_event(view: View) -> Event:
    """The view as the JSON object of the contract."""
    return {
        "event": "ProductView",
        "messageid": view.messageid,
        "userid": view.userid,
        "properties": {"productid": view.productid},
        "context": {"source": view.source},
        "timestamp": _timestamp(view.time, STYLES.get(view.messageid[-1], "naive")),
    }


# Many events share their second, so the text is worked out once for all of them.
@lru_cache(4096)
def _timestamp(time: int, style: str) -> str:
    """The time in one of the styles that the contract reads."""
    if style == "utc":
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if style == "offset":
        return datetime.fromtimestamp(time, EAST).isoformat()
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")


def encode_view(view: View) -> bytes:
    """The view as one line of JSON."""
    return msgspec.json.encode(view_event(view))


def require_folders(*paths: Path) -> None:
    """Raise a GenerateError when the folder of one of these files is missing."""
    for path in paths:
        if not path.parent.is_dir():
            raise GenerateError(f"there is no folder {path.parent}")


def write_product_views(plan: Spec, path: Path, truth_path: Path, on_progress: Progress = lambda _: None) -> Truth:
    """Write the records and their truth; each file appears whole or not at all. `on_progress` gets records done."""
    generator = ProductViewGenerator(plan)
    opening, between, closing = (b"[\n", b",\n", b"\n]\n") if plan.array else (b"", b"\n", b"\n")
    done = 0
    with staged(path) as file:
        for chunk in filter(None, generator.chunks()):
            file.write((between if done else opening) + between.join(chunk))
            done += len(chunk)
            on_progress(done)
        file.write(closing)
    result = generator.truth()
    write_truth(result, truth_path)
    return result
