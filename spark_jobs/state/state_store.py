"""State of a pipeline between micro-batches, as files beside its tables.

The folder `state/<batch>` appears in one step, as the last of a batch. It holds `state.json` and the rows that are
still needed, as Parquet. A replayed batch starts from the folder before its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from pyspark.sql import DataFrame, SparkSession

from eventmill.config.errors import EventmillError
from eventmill.lake.hadoop_files import Files
from spark_jobs.state.watermark import Progress

KEPT = 3
"""Number of folders that are kept: one to go on from, one to replay from, one in case."""


@dataclass(frozen=True)
class StateSchema:
    """The form of the rows of a pipeline's state: a number that changes with it, and the schema as Spark writes it."""

    number: int
    rows: str


class StateError(EventmillError):
    """The state doesn't fit the checkpoint or the settings; the message says what to do."""


class Totals(msgspec.Struct, frozen=True):
    """Counts of records since the start: each record is stored, rejected, late or a duplicate; `final` of the stored
    ones are in closed windows, none where a pipeline has no windows. `lost` offsets, no part of `records`, were removed
    by Kafka before they were read.
    """

    records: int = 0
    stored: int = 0
    rejected: int = 0
    late: int = 0
    duplicates: int = 0
    final: int = 0
    lost: int = 0

    def plus(self, other: Totals) -> Totals:
        """The sums."""
        return Totals(*(getattr(self, name) + getattr(other, name) for name in Totals.__struct_fields__))


class State(msgspec.Struct, frozen=True):
    """The state after a batch.

    Attributes:
        batch: its id; -1 before the first.
        window_seconds: length of the windows that the state was made with; None where there are none.
        layout: the form of the rows that go with it.
    """

    batch: int
    window_seconds: int | None
    progress: Progress = Progress()
    totals: Totals = Totals()
    layout: int = 1


class StateStore:
    """The state of one pipeline, by batch."""

    def __init__(self, files: Files, layout: StateSchema, window_seconds: int | None = None) -> None:
        self._files = files
        self._layout = layout
        self._window_seconds = window_seconds

    def before(self, batch: int) -> State:
        """The state that a batch starts from.

        Raises:
            StateError: when it's missing, was made by other windows, or is newer than the checkpoint.
        """
        self._refuse_newer(batch)
        if batch == 0:
            return State(-1, self._window_seconds, layout=self._layout.number)
        path = f"state/{batch - 1}/state.json"
        if not self._files.exists(path):
            raise StateError(
                f"the checkpoint is at batch {batch} but {self._files.url(f'state/{batch - 1}')} is missing: "
                f"bring it back, or start over by deleting {self._files.root} as a whole"
            )
        state = msgspec.json.decode(self._files.read(path), type=State)
        self._refuse_other_layout(state)
        self._refuse_other_window(state)
        return state

    def _refuse_newer(self, batch: int) -> None:
        newer = [number for number in self._numbers() if number > batch]
        if newer:
            raise StateError(
                f"the checkpoint is at batch {batch} but {self._files.url('state')} is at {max(newer)}: "
                f"bring back the checkpoint, or start over by deleting {self._files.root} as a whole"
            )

    def _refuse_other_layout(self, state: State) -> None:
        if state.layout != self._layout.number:
            raise StateError(
                f"{self._files.url('state')} was made by another version, in layout {state.layout}, "
                f"not {self._layout.number}: start over by deleting {self._files.root} as a whole"
            )

    def _refuse_other_window(self, state: State) -> None:
        if state.window_seconds != self._window_seconds:
            raise StateError(
                f"the windows were {state.window_seconds} s long and are {self._window_seconds} s now: set it back, "
                f"or start over by deleting {self._files.root} as a whole"
            )

    def rows(self, spark: SparkSession, state: State) -> DataFrame:
        """The rows that go with a state."""
        if state.batch < 0:
            return spark.createDataFrame([], self._layout.rows)
        return spark.read.schema(self._layout.rows).parquet(self._files.url(f"state/{state.batch}/rows"))

    def save(self, state: State, rows: DataFrame, aside: str) -> None:
        """Write a batch's state aside and give it its name; the old ones go."""
        # One rename makes both visible: there is no moment with the rows of one batch and the numbers of another. Older
        # states stay until then, for Spark's checkpoint may still be a batch behind and ask for the one before.
        rows.write.mode("overwrite").parquet(self._files.url(f"{aside}/state/rows"))
        self._files.write(f"{aside}/state/state.json", msgspec.json.encode(state))
        self._files.replace_folder(f"{aside}/state", f"state/{state.batch}")
        for number in self._numbers():
            if number <= state.batch - KEPT:
                self._files.delete(f"state/{number}")

    def _numbers(self) -> list[int]:
        return [int(name) for name in self._files.names("state")]
