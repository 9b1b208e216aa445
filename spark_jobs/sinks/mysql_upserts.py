"""Rows that are set in a table of MySQL, those of a batch all or none."""

from __future__ import annotations

from collections.abc import Sequence

from eventmill.config.settings import Settings
from eventmill.databases import mysql
from spark_jobs.processing.refusals import Sink

Values = tuple[object, ...]


def upserts(settings: Settings, statement: str, key: int) -> Sink[Values]:
    """The sink that executes a statement with each row; the value at `key` is what the rows go by."""

    def write(rows: Sequence[Values], *, undo: bool = False) -> None:
        mysql.write_rows(settings, statement, rows, undo=undo)

    return Sink(
        "MySQL",
        write=write,
        try_out=lambda rows: write(rows, undo=True),
        is_away=mysql.is_away,
        is_refusal=mysql.is_refusal,
        origin=lambda row: str(row[key]),
    )
