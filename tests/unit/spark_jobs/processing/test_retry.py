"""Patience with a store that is away: the write is tried again, and other errors are raised at once."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from cassandra import InvalidRequest, OperationTimedOut, Unavailable
from cassandra.cluster import NoHostAvailable
from mysql.connector import DataError, Error, IntegrityError

from eventmill.databases import cassandra, mysql, postgres
from spark_jobs.processing import retry
from spark_jobs.processing.retry import with_retries

AWAY = ConnectionRefusedError("gone")


class Store:
    """Fails as it's told to, and then takes what is written."""

    def __init__(self, *errors: Exception) -> None:
        self._errors: Iterator[Exception] = iter(errors)
        self.tries = 0

    def write(self) -> str:
        """Write something."""
        self.tries += 1
        for error in self._errors:
            raise error
        return "written"


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(retry, "PAUSE_SECONDS", 0)


def is_away(error: BaseException) -> bool:
    """Whether it's the one error that passes."""
    return error is AWAY


def test_a_store_that_comes_back_is_written_to() -> None:
    store = Store(AWAY, AWAY)
    assert with_retries(store.write, is_away) == "written"
    assert store.tries == 3


def test_another_error_is_raised_at_once() -> None:
    store = Store(ValueError("wrong"))
    with pytest.raises(ValueError, match="wrong"):
        with_retries(store.write, is_away)
    assert store.tries == 1


def test_patience_ends_with_the_stores_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "AWAY_SECONDS", 0)
    with pytest.raises(ConnectionRefusedError, match="gone"):
        with_retries(Store(AWAY).write, is_away)


@pytest.mark.parametrize(
    ("number", "away"),
    [(2003, True), (2013, True), (2055, True), (1053, True), (1213, True), (1146, False), (1062, False), (-1, False)],
)
def test_mysql_is_away_without_a_connection(number: int, away: bool) -> None:
    assert mysql.is_away(Error("said", errno=number)) is away


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (DataError("too long", errno=1406), True),
        (IntegrityError("not null", errno=1048), True),
        (Error("incorrect string value", errno=1366), True),
        (Error("no such table", errno=1146), False),
        (Error("gone", errno=2013), False),
        (ValueError(), False),
    ],
)
def test_mysql_refuses_values(error: Exception, refused: bool) -> None:
    assert mysql.is_refusal(error) is refused
    assert not (refused and mysql.is_away(error))


@pytest.mark.parametrize(
    ("error", "refused", "away"),
    [
        (psycopg.DataError("NUL"), True, False),
        (psycopg.errors.ProgramLimitExceeded("index row size exceeds the maximum"), True, False),
        (psycopg.OperationalError("gone"), False, True),
        (psycopg.errors.DiskFull("no space"), False, True),
        (psycopg.errors.UndefinedTable("no such table"), False, False),
    ],
)
def test_postgresql_refuses_values(error: Exception, refused: bool, away: bool) -> None:
    assert (postgres.is_refusal(error), postgres.is_away(error)) == (refused, away)


def test_other_errors_are_not_mysqls() -> None:
    assert not mysql.is_away(ValueError())


def test_cassandra_is_away_when_no_host_answers_or_replicas_are_missing() -> None:
    for error in (NoHostAvailable("none", {}), OperationTimedOut(), Unavailable("too few")):
        assert cassandra.is_away(error)
    assert not cassandra.is_away(InvalidRequest("no such table"))
    assert cassandra.is_refusal(InvalidRequest("key too long"))
