"""Locations of the days of a pipeline's Parquet tables on HDFS, since compaction moves them; needs no Java.

A day that never moved is in `<table>/day=yyyy-MM-dd`. Where the others are, a note beside the tables says. While a day
moves, the job writes into both of its folders; Hive reads the old one until it is pointed to the new one. All folders
here are relative to the pipeline's, `/eventmill/<pipeline>`; days are such as `day=2026-01-01`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from eventmill.config.settings import Settings
from eventmill.lake import webhdfs

NOTE = "places.json"
DAY = re.compile("day=[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Location(msgspec.Struct, frozen=True, omit_defaults=True):
    """Folder of a day.

    Attributes:
        folder: where Hive reads it.
        next: where it moves to; None when it rests.
    """

    folder: str
    next: str | None = None

    @property
    def folders(self) -> tuple[str, ...]:
        """Folders that new files of a day go to."""
        return (self.folder, self.next) if self.next else (self.folder,)


class Locations(msgspec.Struct, frozen=True):
    """Content of the note.

    Attributes:
        days: by table and day, the place of each that has moved or moves.
        left: folders that days have left, with the seconds since the epoch of that.
    """

    days: dict[str, dict[str, Location]] = {}
    left: dict[str, float] = {}

    def place(self, table: str, day: str) -> Location:
        """Folder of a day."""
        return self.days.get(table, {}).get(day) or Location(f"{table}/{day}")

    def set(self, table: str, day: str, place: Location) -> Locations:
        """The places after a change of one."""
        return msgspec.structs.replace(self, days=self.days | {table: self.days.get(table, {}) | {day: place}})

    def moving(self) -> Iterator[tuple[str, str, Location]]:
        """Each table and day that moves."""
        for table, days in self.days.items():
            for day, place in days.items():
                if place.next:
                    yield table, day, place


def decode_note(note: bytes) -> Locations:
    """Content of a note."""
    return msgspec.json.decode(note, type=Locations)


def encode_note(places: Locations) -> bytes:
    """The note that says so."""
    return msgspec.json.encode(places)


def path(pipeline: str, folder: str) -> str:
    """A folder of a pipeline from the root of HDFS."""
    return f"/eventmill/{pipeline}/{folder}"


def read_locations(settings: Settings, pipeline: str) -> Locations:
    """Folders of the days of a pipeline's tables."""
    note = path(pipeline, NOTE)
    return decode_note(webhdfs.read(settings, note)) if webhdfs.exists(settings, note) else Locations()


def days(settings: Settings, pipeline: str, table: str) -> Mapping[str, str]:
    """The days that a table has, sorted, each with the folder that Hive reads."""
    return days_of(settings, pipeline, [table])[table]


def days_of(settings: Settings, pipeline: str, tables: Iterable[str]) -> dict[str, Mapping[str, str]]:
    """The days that each of these tables has, sorted, each with the folder that Hive reads."""
    places = read_locations(settings, pipeline)
    return {table: _days(places, table, webhdfs.names(settings, path(pipeline, table))) for table in tables}


def _days(places: Locations, table: str, names: Iterable[str]) -> Mapping[str, str]:
    known = {*filter(DAY.fullmatch, names), *places.days.get(table, {})}
    return {day: places.place(table, day).folder for day in sorted(known)}
