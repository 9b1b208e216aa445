"""Counts that MySQL has of the clicks: all values of the days that differ from those noted, a digest of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import closing
from typing import Any

from eventmill.config.settings import Settings
from eventmill.databases import mysql, query_engines
from ops.reconciliation import table_days
from ops.reconciliation.last_check import Cell, CheckNote, Day, Exported

Key = tuple[str, str]
VALUES = "CONCAT_WS('/', window_start, source_number, source)"
DIGESTS = f"""
SELECT DATE(window_start), COUNT(*), SUM(source_number), {mysql.digest_expression(VALUES)}
FROM commerce GROUP BY DATE(window_start)
"""  # noqa: S608 - all of it is ours
ROWS = "SELECT window_start, source, source_number FROM commerce"


def read_exported(settings: Settings, before: CheckNote) -> tuple[Counter[Key], dict[str, Exported]]:
    """The numbers by window and source, as of one moment, and the digest of each day."""
    with mysql.connect(settings) as connection, closing(connection.cursor()) as cursor:
        digests = {day: Exported(*map(int, rest)) for day, *rest in _rows(cursor, DIGESTS)}
        same = {day for day, found in digests.items() if before.exported.get(day) == found}
        rows = _noted(same, before)
        if same < digests.keys():
            rows += _rows(cursor, ROWS + _but(same))
    return Counter({(str(start), str(source)): int(number) for start, source, number in rows}), digests


def _rows(cursor: Any, statement: str) -> list[tuple[Any, ...]]:
    cursor.execute(statement)
    return [tuple(query_engines.normalized(cell) for cell in row) for row in cursor.fetchall()]


def _but(days: Collection[str]) -> str:
    """The condition that leaves out these days."""
    return f" WHERE DATE(window_start) NOT IN ({query_engines.texts(days)})" if days else ""


def _noted(days: Collection[str], before: CheckNote) -> list[tuple[Cell, ...]]:
    return [row for day in days for row in before.days["commerce"][table_days.named(day)].rows]


def whole(
    exported: Mapping[Key, int], digests: Mapping[str, Exported], commerce: Mapping[str, Day]
) -> dict[str, Exported]:
    """The digests of those days of which MySQL has all that is noted of Hive's, which need not be noted twice."""
    by_day: dict[str, Counter[Key]] = {}
    for key, number in exported.items():
        by_day.setdefault(key[0][:10], Counter())[key] = number
    noted = {day: commerce.get(table_days.named(day)) for day in digests}
    return {
        day: digests[day]
        for day, found in noted.items()
        if found and {(start, source): number for start, source, number in found.rows} == by_day[day]
    }
