"""Files written aside become part of a pipeline's tables: in the table's folder, or where their day was moved to."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from posixpath import split

from eventmill.lake import partition_locations
from eventmill.lake.hadoop_files import Files
from eventmill.lake.partition_locations import Locations


def commit_files(files: Files, table: str, written: Mapping[str, str]) -> None:
    """Give files their final names; those that have them already are replaced.

    The places are read again after that, until nothing is left to do: who moves a day notes it first and looks for
    files then, so a file published before the note is found, and one published after it gets into both folders.

    Args:
        table: the table's folder.
        written: by name in the table, such as `day=2026-01-01/batch-0000000001.parquet`, where each was written aside.
    """
    # Invariant: when this returns, each file is in every folder that the note named after the file had its name. The
    # mover writes the note before it lists files, so it sees the file, or this loop sees the note: never neither.
    at: dict[str, str] = {}
    done: set[str] = set()
    while written and (
        wanted := [pair for pair in _targets(locations_of(files), table, written) if pair[1] not in done]
    ):
        for name, target in wanted:
            aside = written[name]
            if name in at:
                files.copy(at[name], aside)
            files.replace(aside, target)
            at[name] = target
            done.add(target)


def remove_others(files: Files, table: str, pattern: str, names: Collection[str]) -> None:
    """Remove files of that pattern but those names: an earlier try of a batch published them, and this one does not.

    Args:
        pattern: as the names in `commit_files` are, such as `day=*/batch-0000000001-*.parquet`.
    """
    folder, file = split(pattern)
    found = {path: path.removeprefix(f"{table}/") for path in files.glob(f"{table}/{pattern}")}
    if folder:
        for day, place in locations_of(files).days.get(table, {}).items():
            moved = (path for each in place.folders for path in files.glob(f"{each}/{file}"))
            found |= {path: f"{day}/{split(path)[1]}" for path in moved}
    for path, name in found.items():
        if name not in names:
            files.delete(path)


def locations_of(files: Files) -> Locations:
    """Folders of the days of the pipeline's tables."""
    return (
        partition_locations.decode_note(files.read(partition_locations.NOTE))
        if files.exists(partition_locations.NOTE)
        else Locations()
    )


def _targets(known: Locations, table: str, names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Each name with each path that it has to have."""
    for name in names:
        day, file = split(name)
        folders = known.place(table, day).folders if day else (table,)
        yield from ((name, f"{folder}/{file}") for folder in folders)
