"""Seeded sessions of shoppers with planted faults, and the truth that the stack must come to.

Actions lie in the file in the order of their times, so none is late. A duplicate comes within two fifths of the
watermark after its original. A late one is at least six watermarks older than an action of the same user right before
it, hence of the same Kafka partition; or, of a user that does nothing else, older by that much than the newest action
of every partition. So it is late wherever a batch ends.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from math import inf
from pathlib import Path

import msgspec
import numpy as np
from kafka.partitioner import murmur2

from eventmill.config.atomic_files import write_lines
from ops.datagen import cart_truth, shopper_model
from ops.datagen.cart_truth import CartsTruth
from ops.datagen.faults import ACTION_FAULTS, Event
from ops.datagen.ground_truth import Planted
from ops.datagen.product_views import EAST, PRODUCTS, STYLES, Plant, due, skewed, uuids
from ops.datagen.shopper_model import PlannedAction
from ops.datagen.spec import CartsPlan

NAMES = ("LOGIN", "SEARCH", "PRODUCT_VIEW", "SHOPPING_CART", "CHECKOUT", "ORDER", "LOGOUT")
LATE_WATERMARKS = 6
STRANGERS = 3
"""One late action in so many is of a user that does nothing else."""

CHUNK = 10_000
Progress = Callable[[int], object]


class UserActionGenerator:
    """The records of one plan in the order of the file, and their truth."""

    def __init__(self, plan: CartsPlan) -> None:
        self.plan = plan
        self.actions = shopper_model.planned_actions(plan)
        self._doubled = set(Plant(2, plan.duplicates, plan).within(range(plan.count)))
        self._delays = np.random.default_rng([plan.seed, 5])
        self._late = self._late_after()
        self._broken_kinds: Counter[str] = Counter()
        self._broken = self._broken_after()

    def lines(self) -> Iterator[bytes]:
        """All records."""
        waiting: list[tuple[float, int, bytes]] = []
        for index, action in enumerate(self.actions):
            yield from due(waiting, action.time)
            line = encode_action(action)
            yield line
            if index in self._doubled:
                delay = self._delays.random() * self.plan.watermark * 1000 * 2 / 5
                heapq.heappush(waiting, (action.time + delay, index, line))
            if index in self._late:
                yield self._late[index]
            if index in self._broken:
                yield self._broken[index]
        yield from due(waiting, inf)

    def _late_after(self) -> dict[int, bytes]:
        """By index, the late action that comes after the one there, though not before the start."""
        plan, least = self.plan, LATE_WATERMARKS * self.plan.watermark * 1000
        start = int(plan.start.timestamp() * 1000)
        first = next((i for i, action in enumerate(self.actions) if action.time > start + least), plan.count)
        plant = Plant(1, plan.late, plan, first)
        places, chance = plant.within(range(plan.count)), plant.chance
        behind = _behind(self.actions, set(places), plan.partitions)
        userids, times = [], []
        for number, place in enumerate(places):
            userid, newest = self.actions[place].userid, self.actions[place].time
            if number % STRANGERS == 0 and behind[place] > start + least:
                userid, newest = f"guest-{number + 1}", behind[place]
            latest = newest - least
            userids.append(userid)
            times.append(latest - int(chance.random() * min(least, latest - start)))
        made = _actions(chance, userids, times)
        return dict(zip(places, map(encode_action, made), strict=True))

    def _broken_after(self) -> dict[int, bytes]:
        """By index, the record that breaks the contract and comes after the action there, the kinds in turn."""
        plant = Plant(3, self.plan.broken, self.plan)
        places = plant.within(range(self.plan.count))
        before = [self.actions[place] for place in places]
        bases = _actions(plant.chance, [action.userid for action in before], [action.time for action in before])
        chosen = list(islice(cycle(ACTION_FAULTS), len(places)))
        self._broken_kinds.update(chosen)
        return {
            place: ACTION_FAULTS[kind](action_event(base))
            for place, base, kind in zip(places, bases, chosen, strict=True)
        }

    def truth(self) -> CartsTruth:
        """The truth of all records."""
        plan, actions = self.plan, self.actions
        planted = Planted(len(self._late), len(self._doubled), len(self._broken))
        return CartsTruth(
            seed=plan.seed,
            count=len(actions),
            lines=len(actions) + planted.late + planted.duplicates + planted.broken,
            planted=planted,
            broken_kinds=dict(self._broken_kinds),
            window_seconds=plan.window,
            watermark_seconds=plan.watermark,
            timeout_seconds=plan.timeout,
            end=cart_truth.from_millis(actions[-1].time),
            carts=cart_truth.carts(actions, plan.timeout),
            totals=cart_truth.action_totals(actions),
            windows=cart_truth.scores(actions, plan.window),
        )


def _behind(actions: list[PlannedAction], places: set[int], partitions: int) -> dict[int, int]:
    """At each of the places, the newest time of the partition that is furthest behind; 0 while one has no action."""
    partition_of = {userid: partition(userid, partitions) for userid in {action.userid for action in actions}}
    newest, found = dict.fromkeys(range(partitions), 0), {}
    for index, action in enumerate(actions):
        newest[partition_of[action.userid]] = action.time
        if index in places:
            found[index] = min(newest.values())
    return found


def partition(userid: str, partitions: int) -> int:
    """The Kafka partition of a user's records, as Kafka's clients choose it."""
    return int(murmur2(userid.encode()) & 0x7FFFFFFF) % partitions


def _actions(chance: np.random.Generator, userids: list[str], times: list[int]) -> list[PlannedAction]:
    """Actions of these users at these times; all else is left to chance."""
    number = len(times)
    names = [NAMES[pick] for pick in chance.integers(0, len(NAMES), number).tolist()]
    products = [f"product-{product}" for product in skewed(chance, number, PRODUCTS)]
    values = chance.integers(200, 50_000, number).tolist()
    return list(map(PlannedAction, times, userids, names, products, values, uuids(chance, number)))


def action_event(action: PlannedAction) -> Event:
    """The action as the JSON object of the contract; what it doesn't tell is left out."""
    told = {"productid": action.productid, "cart_value": action.cart_value}
    return {
        "messageid": action.messageid,
        "userid": action.userid,
        "lastAction": action.name,
        **{name: value for name, value in told.items() if value is not None},
        "timestamp": _timestamp(action.time, STYLES.get(action.messageid[-1], "naive")),
    }


def _timestamp(millis: int, style: str) -> str:
    """The time in one of the styles that the contract reads."""
    time = cart_truth.from_millis(millis)
    if style == "offset":
        return time.astimezone(EAST).isoformat(timespec="milliseconds")
    text = time.replace(tzinfo=None).isoformat("T" if style == "utc" else " ", "milliseconds")
    return f"{text}Z" if style == "utc" else text


def encode_action(action: PlannedAction) -> bytes:
    """The action as one line of JSON."""
    return msgspec.json.encode(action_event(action))


def write_user_actions(
    plan: CartsPlan, path: Path, truth_path: Path, on_progress: Progress = lambda _: None
) -> CartsTruth:
    """Write the records and their truth; each file appears whole or not at all. `on_progress` gets records done."""
    generator = UserActionGenerator(plan)
    lines = generator.lines()
    write_lines(path, iter(lambda: list(islice(lines, CHUNK)), []), on_progress)
    result = generator.truth()
    cart_truth.write_cart_truth(result, truth_path)
    return result
