"""Why the first page is red, in sentences."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest

from api.overview import reasons
from api.overview.ledger import Books
from api.overview.routes import Page, Path
from eventmill.airflow.rest_client import Run
from eventmill.spark.job_state import JobState

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATH = Path("clicks", "clicks-topic", 14, 6, 1, 1, 2, 4)
BOOKS = Books(14, 4, 0, 0, {}, {}, 0.0)


def of_books(path: Path, books: Books) -> list[str]:
    return list(reasons.of_books(path, books, 300))


def test_all_is_well() -> None:
    assert of_books(PATH, replace(BOOKS, stalled=299.0)) == []
    assert list(reasons.of_pages([Page("NiFi", "", "", True)])) == []
    assert list(reasons.of_jobs([JobState("clicks", "running", NOON, restarts=3)])) == []
    assert list(reasons.of_runs([Run("game_report", "r1", False, NOON)])) == []


@pytest.mark.parametrize(
    ("difference", "books", "sentence"),
    [
        (1, {}, "clicks: 1 record in Kafka and in no count of the job"),
        (-1200, {}, "clicks: 1,200 records counted by the job and not in Kafka"),
        (0, {"missing": 2}, "clicks: 2 events acknowledged by the API and not in Kafka"),
        (
            0,
            {"stalled": 400.0},
            "clicks: 4 records waiting, none processed for 6 minutes; see eventmill jobs status",
        ),
        (
            0,
            {"lost": {1: (5, 8)}},
            "clicks: partition 1 of clicks-topic ends at offset 5, but the job has processed it up to 8: "
            "Kafka has lost records",
        ),
    ],
)
def test_records_that_are_not_where_they_should_be(difference: int, books: dict[str, object], sentence: str) -> None:
    path = msgspec.structs.replace(PATH, difference=difference)
    assert of_books(path, replace(BOOKS, **books)) == [sentence]  # type: ignore[arg-type]


def test_what_is_away_or_has_failed() -> None:
    assert list(reasons.of_pages([Page("NiFi", "", "", False)])) == ["NiFi does not answer"]
    failing = JobState("carts", "restarting", NOON, "Kafka: \u202erecord too large", 3)
    assert list(reasons.of_jobs([failing])) == [
        "carts: the job is restarting since 2026-03-01 12:00:00 UTC (3 restarts): Kafka: \\u202erecord too large"
    ]
    assert list(reasons.of_runs([Run("orders_warehouse", "scheduled__1", True, NOON)])) == [
        "DAG orders_warehouse: the latest run failed at 2026-03-01 12:00:00 UTC (scheduled__1)"
    ]
