"""Records that a sink refuses because of their data: found by halving, then rejected while the rest is stored.

A sink stores the rows of a batch all or none. When it refuses them, the rows to blame are found by trying ever smaller
parts of them, and `RefusedError` names the records that they come from. `MicroBatch` then processes the whole batch
again with these records rejected from the start, so that counts, totals, duplicates and dead letters are what they
would be if the contract had not let them in. A replay finds the same records again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from eventmill.config.errors import EventmillError
from spark_jobs.processing.retry import with_retries

RecordPosition = tuple[int, int]
"""A record's Kafka partition and offset."""

Row = TypeVar("Row")

UNWRITABLE = (OverflowError, UnicodeError)
"""Errors of a client that cannot put a value into the words of its store."""

LONGEST_REASON = 300


class RefusedError(EventmillError):
    """A sink refuses some records of a batch because of their data, and has stored none of the batch.

    Attributes:
        reasons: the sink's reason by the record's place, or by its value of the field that the sink's rows go by.
    """

    def __init__(self, sink: str, reasons: Mapping[RecordPosition | str, str]) -> None:
        first = next(iter(reasons.values()))
        super().__init__(f"{sink} refuses the data of {len(reasons)} rows, of one because: {first}")
        self.reasons = reasons


@dataclass(frozen=True)
class Refusals:
    """Records of a batch that sinks have refused.

    Attributes:
        by: path of the contract's field that the rows of aggregates go by; empty where there are none.
        reasons: as in RefusedError.
    """

    by: str = ""
    reasons: Mapping[RecordPosition | str, str] = field(default_factory=dict)

    def plus(self, error: RefusedError) -> Refusals:
        """These and those of the error.

        Raises:
            RefusedError: the same, when none of its records is in the batch, as these were rejected already.
        """
        if error.reasons.keys() <= self.reasons.keys():
            raise error
        return Refusals(self.by, {**self.reasons, **error.reasons})

    def at(self, partition: int, offset: int) -> str | None:
        """The reason why the record there was refused."""
        return self.reasons.get((partition, offset))

    def of(self, value: object) -> str | None:
        """The reason why records with that value of the field were refused."""
        return self.reasons.get(str(value))


@dataclass(frozen=True)
class Sink(Generic[Row]):
    """A store that takes the rows of a batch.

    Attributes:
        name: as reasons begin.
        write: stores rows, all or none.
        try_out: the same without lasting effect, or with one that `write` replaces.
        is_away: tells errors that pass.
        is_refusal: tells errors that are due to the data.
        origin: where a row's record is, or the row's value of the field that rows go by.
    """

    name: str
    write: Callable[[Sequence[Row]], None]
    try_out: Callable[[Sequence[Row]], None]
    is_away: Callable[[BaseException], bool]
    is_refusal: Callable[[BaseException], bool]
    origin: Callable[[Row], RecordPosition | str]

    def put(self, rows: Sequence[Row]) -> None:
        """Store the rows, as soon as the store is there.

        Raises:
            RefusedError: when it refuses some of them because of their data.
            Exception: another error of the store.
        """
        try:
            self._patiently(self.write, rows)
        except Exception as error:
            if not self._is_refusal(error):
                raise
            found = self._refused(rows)
            if not found:
                raise
            raise RefusedError(self.name, {self.origin(row): self._reason(why) for row, why in found}) from error

    def _refused(self, rows: Sequence[Row]) -> list[tuple[Row, Exception]]:
        """The rows that are refused by themselves, with the error of each."""
        try:
            self._patiently(self.try_out, rows)
        except Exception as error:
            if not self._is_refusal(error):
                raise
            if len(rows) == 1:
                return [(rows[0], error)]
            middle = len(rows) // 2
            return [*self._refused(rows[:middle]), *self._refused(rows[middle:])]
        return []

    def _patiently(self, write: Callable[[Sequence[Row]], None], rows: Sequence[Row]) -> None:
        with_retries(lambda: write(rows), self.is_away)

    def _is_refusal(self, error: Exception) -> bool:
        return isinstance(error, UNWRITABLE) or self.is_refusal(error)

    def _reason(self, error: Exception) -> str:
        """The store's own words, in one line."""
        told = " ".join(str(error).split())
        return f"{self.name}: {told[:LONGEST_REASON]}"
