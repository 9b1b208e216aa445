"""Fast decoding of many Kafka values by an event contract, into Arrow columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql.pandas.types import to_arrow_type

from eventmill.contracts import events
from spark_jobs.processing.refusals import Refusals
from spark_jobs.source.schema import column_type, getter

Micros = NDArray[np.int64]
"""Times in microseconds since the epoch."""

TIME = pa.timestamp("us", "UTC")
EARLIEST = int(events.EARLIEST.timestamp()) * 1_000_000
AHEAD = int(events.AHEAD.total_seconds()) * 1_000_000


@dataclass(frozen=True)
class Decoded:
    """The outcome of decoding a batch of values.

    Attributes:
        good: positions in the batch of the values that keep the contract, ascending.
        times: the events' times, one for each of `good`.
        columns: the fields asked for, of the batch's length, null where a value was rejected.
        reasons: why a value was rejected, of the batch's length, None where it wasn't.
        excluded: positions of those that were rejected whatever they hold.
    """

    good: NDArray[np.int64]
    times: Micros
    columns: Mapping[str, pa.Array]
    reasons: Sequence[str | None]
    excluded: Set[int]


class BatchDecoder:
    """Decodes values by one contract and takes the fields that are asked for, named by their path in the JSON."""

    def __init__(self, contract: type[events.Event], columns: Mapping[str, str], refusals: Refusals) -> None:
        self._contract = contract
        self._fast: Callable[[bytes], Any] = events.decode_many(contract)
        self._columns = {
            name: (getter(contract, path), to_arrow_type(column_type(contract, path), timezone="UTC"))
            for name, path in columns.items()
        }
        self._refusals = refusals
        self._key = getter(contract, refusals.by) if refusals.by and refusals.reasons else None

    def decode(self, values: Sequence[bytes | None], received: Micros, excluded: Mapping[int, str]) -> Decoded:
        """Decode the values, which Kafka received at those times; `excluded` says what is rejected anyway, and why."""
        reasons: list[str | None] = [None] * len(values)
        decoded, failed = self._all(values)

        def again(indexes: Iterable[int]) -> tuple[NDArray[np.int64], list[Any], Micros]:
            for index in indexes:
                decoded[index], reasons[index] = self._slowly(values[index], int(received[index]))
            good = [event for event in decoded if event is not None]
            positions = (
                np.arange(len(decoded))
                if len(good) == len(decoded)
                else np.array([index for index, event in enumerate(decoded) if event is not None], np.int64)
            )
            return positions, good, micros(pa.array([event.timestamp for event in good], TIME))

        positions, good, times = again(failed)
        if excluded := {**excluded, **self._refused_keys(decoded)}:
            for index, reason in excluded.items():
                decoded[index], reasons[index] = None, reason
            positions, good, times = again(())
        if len(doubtful := positions[self._doubtful(good, times, received[positions])]):
            positions, good, times = again(doubtful)
        return Decoded(positions, times, self._fields(good, positions, len(values)), reasons, excluded.keys())

    def _refused_keys(self, decoded: Sequence[Any]) -> dict[int, str]:
        """The reasons of the events whose value of the field was refused, by their positions."""
        if self._key is None:
            return {}
        found = (
            (index, self._refusals.of(self._key(event))) for index, event in enumerate(decoded) if event is not None
        )
        return {index: reason for index, reason in found if reason is not None}

    def _all(self, values: Sequence[bytes | None]) -> tuple[list[Any], list[int]]:
        """Each value's event, or None where the fast way fails, and where that is."""
        decode, decoded, failed = self._fast, [], []
        for value in values:
            try:
                decoded.append(decode(value))  # type: ignore[arg-type]
            except (ValueError, AttributeError, RecursionError):
                failed.append(len(decoded))
                decoded.append(None)
        return decoded, failed

    def _doubtful(self, good: Sequence[Any], times: Micros, received: Micros) -> NDArray[np.bool_]:
        """Which events the contract itself must judge: by their time or the text of their identity."""
        ids = pa.array([event.messageid for event in good], pa.string())
        canonical = np.asarray(pc.match_substring_regex(ids, events.UUID_TEXT), bool)
        return ~canonical | (times < EARLIEST) | (times > received + AHEAD)

    def _slowly(self, value: bytes | None, received: int) -> tuple[Any, str | None]:
        """The event or the reason; the event is encoded again, so that its identity has the canonical form."""
        try:
            event = events.decode_event(self._contract, value, datetime.fromtimestamp(received / 1_000_000, UTC))
        except events.EventError as error:
            return None, str(error)
        return self._fast(msgspec.json.encode(event)), None

    def _fields(self, good: Sequence[Any], positions: NDArray[np.int64], length: int) -> dict[str, pa.Array]:
        """The fields asked for over the whole batch: the good events' values at their positions, null elsewhere."""
        fields = {name: pa.array(list(map(get, good)), kind) for name, (get, kind) in self._columns.items()}
        if len(good) == length:
            return fields
        index = np.full(length, -1, np.int64)
        index[positions] = np.arange(len(positions))
        take = pa.array(index, mask=index < 0)
        return {name: field.take(take) for name, field in fields.items()}


def micros(times: pa.Array) -> Micros:
    """Arrow timestamps as microseconds since the epoch."""
    return np.asarray(times.cast(TIME).cast(pa.int64()), np.int64)
