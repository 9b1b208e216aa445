"""Seeded page logs with planted faults, and the truth that the star schema must come to.

Logs lie in the file in the order of their time; a duplicate lies up to a tenth of the span behind its original.
"""

from __future__ import annotations

import csv
import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network
from itertools import cycle
from math import inf
from pathlib import Path

import msgspec
import numpy as np

from eventmill.config.atomic_files import write_lines
from eventmill.config.settings import ROOT
from ops.datagen import ground_truth
from ops.datagen.faults import PAGE_LOG_FAULTS, Event
from ops.datagen.ground_truth import PageLogsTruth, Planted
from ops.datagen.product_views import CHUNK, Plant, Progress, due, skewed, uuids
from ops.datagen.spec import Spec

FOLDER = ROOT / "data" / "visits"
UNKNOWN = "Unknown"
"""The star schema's name for a location, a browser or a system that nothing is known of."""

DIRECT = "direct"
"""Its name for the referrer of a visitor who came from nowhere."""

STORES, PRODUCTS, CUSTOMERS, DEVICES = 40, 400, 2000, 5000
LOGGED_IN = 0.4
REFERRERS = {"https://www.google.com/": 420, "": 240, "https://www.bing.com/search?q=ring": 90}
REFERRERS |= {"https://www.facebook.com/": 130, "https://t.co/x1": 60, "https://blog.example.org/gold?page=2": 60}
OPTIONS = {"alloy": ("white-375", "yellow-585", "red-750"), "diamond": ("sapphire", "ruby", "brilliant")}


class WeightedChoice:
    """Rows of which one is picked by its share."""

    def __init__(self, rows: Sequence[Mapping[str, str]]) -> None:
        self.rows = rows
        self._bounds = np.cumsum([int(row["share"]) for row in rows])

    def pick(self, chance: np.random.Generator, number: int) -> list[Mapping[str, str]]:
        """Draws `number` rows, weighted by their share."""
        found = np.searchsorted(self._bounds, chance.random(number) * self._bounds[-1], side="right")
        return [self.rows[index] for index in found.tolist()]


def read_choice(name: str) -> WeightedChoice:
    """The rows of a file in data/visits/."""
    lines = (FOLDER / name).read_text("utf-8").splitlines()
    return WeightedChoice(list(csv.DictReader(line for line in lines if not line.startswith("#"))))


class PageLogGenerator:
    """The records of one plan, in the order of the file; `truth` holds once all were taken."""

    def __init__(self, plan: Spec) -> None:
        self.plan = plan
        self._chance = np.random.default_rng([plan.seed, 0])
        self._duplicates = Plant(1, plan.duplicates, plan)
        self._broken = Plant(2, plan.broken, plan)
        self._kinds = cycle(PAGE_LOG_FAULTS.items())
        self._networks, self._user_agents = read_choice("networks.csv"), read_choice("user_agents.csv")
        self._referrers = WeightedChoice([{"url": url, "share": str(share)} for url, share in REFERRERS.items()])
        self._views: dict[str, Counter[str]] = {}
        self._broken_kinds: Counter[str] = Counter()
        self._doubled = 0
        self._waiting: list[tuple[float, int, bytes]] = []

    def chunks(self) -> Iterator[list[bytes]]:
        """All records, some thousand at a time."""
        for first in range(0, self.plan.count, CHUNK):
            yield self._chunk(range(first, min(first + CHUNK, self.plan.count)))
        yield list(due(self._waiting, inf))

    def _chunk(self, indexes: range) -> list[bytes]:
        times = self.plan.span * np.arange(indexes.start, indexes.stop) / self.plan.count
        doubled, broken = set(self._duplicates.within(indexes)), set(self._broken.within(indexes))
        lines: list[bytes] = []
        for index, time, log in zip(indexes, times.tolist(), self._logs(times.astype(np.int64).tolist()), strict=True):
            lines += due(self._waiting, time)
            lines.append(msgspec.json.encode(log))
            if index in doubled:
                delay = self._duplicates.chance.random() * self.plan.span / 10
                heapq.heappush(self._waiting, (time + delay, index, lines[-1]))
                self._doubled += 1
            if index in broken:
                kind, fault = next(self._kinds)
                lines.append(fault(log))
                self._broken_kinds[kind] += 1
        return lines

    def _logs(self, after: Sequence[int]) -> list[Event]:
        """Logs so many seconds after the start; counted."""
        chance, number = self._chance, len(after)
        networks, user_agents = self._networks.pick(chance, number), self._user_agents.pick(chance, number)
        referrers = [row["url"] for row in self._referrers.pick(chance, number)]
        stores, products = skewed(chance, number, STORES), skewed(chance, number, PRODUCTS)
        who = chance.integers(0, CUSTOMERS, number).tolist()
        emails = [
            f"customer-{customer}@example.org" if known else ""
            for customer, known in zip(who, (chance.random(number) < LOGGED_IN).tolist(), strict=True)
        ]
        times = [self.plan.start + timedelta(seconds=seconds) for seconds in after]
        self._count("product_id", (str(product) for product in products))
        self._count("store_id", (str(store) for store in stores))
        for name in ("country_code", "region", "city"):
            self._count(name, (row[name] or UNKNOWN for row in networks))
        for name in ("browser", "os"):
            self._count(name, (row[name] for row in user_agents))
        self._count("referrer", (host(url) for url in referrers))
        self._count("hour", (f"{time:%Y-%m-%d %H}" for time in times))
        self._count("known", ("yes" if email else "no" for email in emails))
        columns = (
            uuids(chance, number),
            times,
            self._devices(number),
            emails,
            [address(row["network"], at) for row, at in zip(networks, chance.random(number).tolist(), strict=True)],
            self._options(number),
            products,
            stores,
            referrers,
            [row["user_agent"] for row in user_agents],
        )
        return list(map(log, *columns))

    def _devices(self, number: int) -> list[str]:
        return [f"device-{device}" for device in self._chance.integers(0, DEVICES, number).tolist()]

    def _options(self, number: int) -> list[list[dict[str, str]]]:
        picks = self._chance.integers(0, 4, (number, len(OPTIONS))).tolist()
        return [
            [
                {"option_id": f"{place}{pick}", "option_label": f"{name}: {labels[pick]}"}
                for place, (pick, (name, labels)) in enumerate(zip(row, OPTIONS.items(), strict=True))
                if pick < len(labels)
            ]
            for row in picks
        ]

    def _count(self, name: str, values: Iterator[str]) -> None:
        self._views.setdefault(name, Counter()).update(values)

    def truth(self) -> PageLogsTruth:
        """The truth of all records."""
        planted = Planted(0, self._doubled, self._broken_kinds.total())
        return PageLogsTruth(
            seed=self.plan.seed,
            count=self.plan.count,
            lines=self.plan.count + planted.duplicates + planted.broken,
            planted=planted,
            broken_kinds=dict(self._broken_kinds),
            views={name: dict(sorted(counts.items())) for name, counts in self._views.items()},
        )


def host(url: str) -> str:
    """The host that the generator's referrers stand for."""
    return url.split("/")[2].removeprefix("www.") if url else DIRECT


@lru_cache
def _network(text: str) -> IPv4Network:
    return IPv4Network(text)


def address(network: str, at: float) -> str:
    """The address at that place of a network, from 0 to 1."""
    net = _network(network)
    return str(IPv4Address(int(net.network_address) + int(at * net.num_addresses)))


def log(
    identity: str,
    time: datetime,
    device: str,
    email: str,
    ip: str,
    option: list[dict[str, str]],
    product: int,
    store: int,
    referrer: str,
    user_agent: str,
) -> Event:
    """A log as the JSON object of the contract; a store's clock is some hours from UTC."""
    return {
        "id": identity,
        "api_version": "1.0",
        "collection": "view_product_detail",
        "current_url": f"https://store-{store}.example.org/products/{product}",
        "device_id": device,
        "email": email,
        "ip": ip,
        "local_time": f"{time + timedelta(hours=store % 24 - 11):%Y-%m-%d %H:%M:%S}",
        "option": option,
        "product_id": str(product),
        "referrer_url": referrer,
        "store_id": str(store),
        "time_stamp": int(time.astimezone(UTC).timestamp()),
        "user_agent": user_agent,
    }


def write_page_logs(plan: Spec, path: Path, truth_path: Path, on_progress: Progress = lambda _: None) -> PageLogsTruth:
    """Write the records and their truth; each file appears whole or not at all. `on_progress` gets records done."""
    generator = PageLogGenerator(plan)
    write_lines(path, generator.chunks(), on_progress)
    result = generator.truth()
    ground_truth.write_truth(result, truth_path)
    return result


def read_truth(path: Path) -> PageLogsTruth:
    """Read a truth file.

    Raises:
        TruthError: when it is missing or is not what `write_page_logs` writes.
    """
    return ground_truth.read_as(path, PageLogsTruth)
