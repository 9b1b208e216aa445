"""The generated page logs: the same bytes for a seed, and a truth that holds by the contract and the database."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from eventmill.contracts import events
from eventmill.contracts.events import PageLog
from ops.datagen import faults, page_logs
from ops.datagen.ground_truth import PageLogsTruth
from ops.datagen.spec import Spec
from spark_jobs.processing.enrichment import DIRECT, UNKNOWN, GeoLocation, agent, open_database, referrer
from tests.unit.spark_jobs.support import CITIES

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FAULTY = Spec(count=3_000, duplicates=0.02, broken=0.02)


def written(folder: Path, wanted: Spec) -> tuple[list[bytes], PageLogsTruth]:
    """The records of a plan as they lie in the file, and its truth as read back."""
    result = page_logs.write_page_logs(wanted, folder / "logs.json", folder / "truth.json")
    assert page_logs.read_truth(folder / "truth.json") == result
    return (folder / "logs.json").read_bytes().splitlines(), result


def kept(lines: list[bytes]) -> list[PageLog]:
    """Those that keep the contract."""
    found = []
    for line in lines:
        try:
            found.append(events.decode_event(PageLog, line, NOW))
        except events.EventError:
            continue
    return found


def test_a_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    assert written(tmp_path, FAULTY) == written(tmp_path, FAULTY)


def test_the_truth_counts_what_is_in_the_file(tmp_path: Path) -> None:
    lines, truth = written(tmp_path, FAULTY)
    logs = kept(lines)
    unique = {log.messageid: log for log in logs}
    assert (len(lines), len(logs), len(unique)) == (truth.lines, truth.lines - truth.planted.broken, truth.count)
    assert truth.planted.duplicates == 60
    assert set(truth.broken_kinds) == set(faults.PAGE_LOG_FAULTS)
    views = {
        "product_id": Counter(log.product_id for log in unique.values()),
        "store_id": Counter(log.store_id for log in unique.values()),
        "hour": Counter(f"{log.timestamp:%Y-%m-%d %H}" for log in unique.values()),
        "known": Counter("yes" if log.email else "no" for log in unique.values()),
    }
    assert {name: truth.views[name] for name in views} == views


def test_the_truth_of_places_and_browsers_is_what_the_databases_say(tmp_path: Path) -> None:
    lines, truth = written(tmp_path, Spec(count=1_000))
    logs, find = kept(lines), open_database(CITIES)
    places = [find(str(log.ip)) or GeoLocation() for log in logs]
    agents = [agent(log.user_agent) for log in logs]
    assert Counter(place.country_code or UNKNOWN for place in places) == truth.views["country_code"]
    assert Counter(place.region for place in places) == truth.views["region"]
    assert Counter(place.city for place in places) == truth.views["city"]
    assert Counter(found.browser for found in agents) == truth.views["browser"]
    assert Counter(found.os for found in agents) == truth.views["os"]
    assert Counter(referrer(log.referrer_url) for log in logs) == truth.views["referrer"]
    assert truth.views["referrer"][DIRECT] > 0


@pytest.mark.parametrize("kind", faults.PAGE_LOG_FAULTS)
def test_each_fault_breaks_the_contract(kind: str, tmp_path: Path) -> None:
    (line,), _ = written(tmp_path, Spec(count=1))
    event = events.decode_many(PageLog)(line)
    assert event.collection == "view_product_detail"
    broken = faults.PAGE_LOG_FAULTS[kind](msgspec.json.decode(line))
    with pytest.raises(events.EventError):
        events.decode_event(PageLog, broken, NOW)
