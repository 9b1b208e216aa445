"""The visits pipeline: the star schema is what the page logs tell, while its parts are killed."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eventmill.config.polling import until
from eventmill.databases import postgres
from eventmill.kafka import forwarder
from ops.datagen import page_logs
from ops.datagen.ground_truth import PageLogsTruth
from ops.stack.isolated_stack import IsolatedStack
from spark_jobs.processing.enrichment import UNKNOWN
from tests.e2e.pipeline import Pipeline

COUNT = 20_000
KILLED = ("forwarder", "postgres", "source-kafka", "jobs", "kafka")
GROUPS = {
    "product_id": "product_id",
    "store_id": "store_id",
    "country_code": f"CASE WHEN country_code = '' THEN '{UNKNOWN}' ELSE country_code END",
    "region": "region",
    "city": "city",
    "browser": "browser",
    "os": "os",
    "referrer": "referrer",
    "hour": "to_char(viewed_at, 'YYYY-MM-DD HH24')",
    "known": "CASE WHEN customer_key = 0 THEN 'no' ELSE 'yes' END",
}
VIEWS = """
SELECT {}, COUNT(*) FROM fact_product_views JOIN dim_product USING (product_key) JOIN dim_store USING (store_key)
JOIN dim_location USING (location_key) WHERE to_char(viewed_at, 'YYYY-MM') = %s GROUP BY 1
"""


class Visits(Pipeline):
    """The visits of one stack."""

    def __init__(self, stack: IsolatedStack) -> None:
        super().__init__(stack, "visits")
        self.start()

    def lag(self) -> int:
        """How many records are not copied yet."""
        return forwarder.lag(self.stack.settings)

    def views(self, month: str) -> dict[str, dict[str, int]]:
        """The views of a month, by what the truth has them by."""
        with postgres.connect(self.stack.settings) as connection:
            return {
                name: dict(connection.execute(VIEWS.format(column), (month,)).fetchall())
                for name, column in GROUPS.items()
            }

    def text_of_all_tables(self) -> str:
        """All that PostgreSQL holds, as text."""
        names = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        with postgres.connect(self.stack.settings) as connection:
            tables = [name for (name,) in connection.execute(names).fetchall()]
            return "".join(str(connection.execute(f"SELECT * FROM {table}").fetchall()) for table in tables)


@pytest.fixture
def visits(stack: IsolatedStack) -> Visits:
    """The visits of the stack."""
    return Visits(stack)


def generate(stack: IsolatedStack, folder: Path, *options: str) -> tuple[Path, PageLogsTruth]:
    """Page logs and their truth."""
    file, truth = folder / "logs.json", folder / "truth.json"
    stack.eventmill("generate", "visits", "--out", str(file), "--truth", str(truth), *options)
    return file, page_logs.read_truth(truth)


def test_killed_parts_leave_the_star_schema_exact(visits: Visits, tmp_path: Path) -> None:
    file, truth = generate(visits.stack, tmp_path, "--count", str(COUNT), "--start", "2026-03-01T00:00:00Z")
    lines = file.read_bytes().splitlines(keepends=True)
    parts = [lines[at :: len(KILLED)] for at in range(len(KILLED))]
    for victim, part in zip(KILLED, parts, strict=True):
        before = visits.held()
        piece = tmp_path / f"{victim}.json"
        piece.write_bytes(b"".join(part))
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(visits.stack.eventmill, "send", "visits", str(piece), "--patience", "180")
            until(comes(visits, before), 180, "nothing is forwarded")
            visits.kill(victim)
            sending.result()
    visits.stack.eventmill("up", seconds=900)
    until(lambda: visits.lag() == 0, 180, "not all is forwarded", every=1)
    visits.wait_until_processed()
    visits.stack.eventmill("verify", "visits")
    assert visits.views("2026-03") == truth.views
    held = visits.text_of_all_tables()
    assert "@example.org" not in held
    assert not [line for line in lines[:500] if json_field(line, "ip") in held]


def comes(visits: Visits, before: int) -> Callable[[], bool]:
    """Whether something new has come to our cluster."""
    return lambda: visits.held() > before


def json_field(line: bytes, name: str) -> str:
    """A field of a log; of a broken one something that is nowhere."""
    try:
        return str(json.loads(line)[name])
    except (ValueError, KeyError, TypeError):
        return "\0"


def test_a_log_that_comes_again_after_days_counts_once(visits: Visits, tmp_path: Path) -> None:
    sound = ("--broken", "0%", "--duplicates", "0%", "--count", "200", "--seed", "11")
    first, truth = generate(visits.stack, tmp_path, *sound, "--start", "2026-04-01T00:00:00Z")
    later = tmp_path / "later.json"
    visits.stack.eventmill(
        "generate", "visits", "--out", str(later), "--truth", str(tmp_path / "t.json"), *sound[:4], "--count", "200",
        "--seed", "12", "--start", "2026-04-05T00:00:00Z",
    )  # fmt: skip
    for file in (first, later, first):
        visits.stack.eventmill("send", "visits", str(file))
        until(lambda: visits.lag() == 0, 120, "not all is forwarded", every=1)
        visits.wait_until_processed()
    visits.stack.eventmill("verify", "visits")
    found = visits.views("2026-04")["hour"]
    assert {hour: found[hour] for hour in truth.views["hour"]} == truth.views["hour"]
    assert sum(found.values()) == 400


def test_the_named_queries_answer(visits: Visits) -> None:
    products = visits.rows_of("top-products")
    assert 0 < len(products) <= 10
    assert visits.rows_of("browsers-by-hour")
    assert visits.rows_of("stores-by-country")
    assert visits.rows_of("products-by-hour")
    assert len(visits.rows_of("top-referrers")) <= 5
    assert sum(int(str(row["views"])) for row in visits.rows_of("top-countries")) >= int(str(products[0]["views"]))
