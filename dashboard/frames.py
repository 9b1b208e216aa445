"""Answers as frames and words: no engine and no page is needed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pandas as pd

from eventmill.databases.query_engines import QueryResult
from eventmill.text.printable import visible

HOURS = range(24)
EMPTY, OTHER = "(empty)", "other ("
UNITS = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))


def frame(result: QueryResult) -> pd.DataFrame:
    """The rows of an answer."""
    return pd.DataFrame(result.rows, columns=list(result.columns))


def top(numbers: Mapping[str, int], name: str, number: str, length: int) -> pd.DataFrame:
    """The largest numbers, those that are equal by name."""
    largest = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))[:length]
    return pd.DataFrame(largest, columns=[name, number])


def top_and_other(numbers: Mapping[str, int], name: str, number: str, length: int) -> pd.DataFrame:
    """The largest numbers, and below them all others together."""
    largest = top(numbers, name, number, length)
    rest = len(numbers) - len(largest)
    if not rest:
        return largest
    others = pd.DataFrame([(other(rest), sum(numbers.values()) - int(largest[number].sum()))], columns=[name, number])
    return pd.concat([largest, others], ignore_index=True)


def other(number: int) -> str:
    """Name of the rest, those that are not shown by themselves."""
    return f"{OTHER}{number:,})"


def with_other(rows: pd.DataFrame, column: str, most: int) -> pd.DataFrame:
    """The rows with one name for all values of a column behind the `most` frequent ones."""
    totals = rows.groupby(column)["views"].sum().sort_values(ascending=False, kind="stable")
    kept = set(totals.index[:most])
    return rows.assign(**{column: rows[column].where(rows[column].isin(kept), other(len(totals) - len(kept)))})


def by_hour(rows: pd.DataFrame) -> pd.DataFrame:
    """The views of each hour of a day, 0 where there were none."""
    found = rows.groupby("hour")["views"].sum()
    return pd.DataFrame({"hour": list(HOURS), "views": [int(found.get(hour, 0)) for hour in HOURS]})


def by_hour_and(rows: pd.DataFrame, column: str, most: int) -> pd.DataFrame:
    """The views of each hour by a column, whose values behind the `most` frequent ones are taken together."""
    return with_other(rows, column, most).groupby(["hour", column])["views"].sum().reset_index()


def table_by_hour(rows: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """A row for each combination of the columns, most views first, and a column for each hour."""
    wide = rows.pivot_table(index=list(columns), columns="hour", values="views", aggfunc="sum", fill_value=0)
    wide = wide.reindex(columns=list(HOURS), fill_value=0)
    order = wide.sum(axis=1).sort_values(ascending=False, kind="stable").index
    return wide.loc[order].rename(columns=lambda hour: f"{hour:02}").reset_index()


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with their texts as people may see them."""
    return rows.map(lambda cell: (visible(cell) or EMPTY) if isinstance(cell, str) else cell)


def parse_time(text: str) -> datetime:
    """The time of an answer, which is in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def newest_sentence(found: datetime, now: datetime) -> str:
    """Age of the newest data, in words."""
    return f"newest data: {found:%Y-%m-%d %H:%M:%S} UTC, {age(now - found)}"


def age(since: timedelta) -> str:
    """Such as `3 minutes ago`; what is ahead of the clock comes in a moment."""
    if since < timedelta(0):
        return "ahead of this machine's clock"
    for unit, name in UNITS:
        if number := since // unit:
            return f"{number} {name}{'s' if number > 1 else ''} ago"
    return f"{int(since.total_seconds())} seconds ago"
