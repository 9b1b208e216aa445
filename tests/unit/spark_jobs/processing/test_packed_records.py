"""Records in packs, without Spark."""

from __future__ import annotations

from uuid import UUID, uuid5

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.processing.deduplication import find_duplicates
from spark_jobs.processing.packed_records import BUCKETS, Outcome, buckets, identities, pack, split, unpack
from tests.unit.spark_jobs.support import packed_records as records

UUIDS = [uuid5(UUID(int=0), str(number)) for number in range(1000)]


def test_what_is_unpacked_is_what_was_packed() -> None:
    first, second = records({"high": 2**64 - 1, "label": "手机"}, {"label": None}), records({"time": -(2**62)})
    assert unpack([pack(first), pack(second.slice(1)), pack(second)]).to_pylist() == (
        first.to_pylist() + second.to_pylist()
    )
    assert unpack([]).num_rows == 0


def test_the_halves_of_an_identity_are_its_number() -> None:
    texts = pa.array([str(UUIDS[0]), None, str(UUIDS[1]).upper()]).slice(1)
    assert [(int(high) << 64) + int(low) for high, low in identities(texts)] == [0, UUIDS[1].int]
    assert identities(pa.array([], pa.string())).shape == (0, 2)


def test_identities_spread_over_all_buckets_and_copies_share_one() -> None:
    halves = identities(pa.array([str(uuid) for uuid in UUIDS]))
    found = buckets(records(*({"high": int(high), "low": int(low)} for high, low in halves)))
    assert set(found) == set(range(BUCKETS))
    assert np.bincount(found).max() < 3 * len(UUIDS) / BUCKETS


def test_split_keeps_the_order_within_a_key() -> None:
    batch = records(*({"offset": offset} for offset in range(6)))
    parts = {key: part.column("offset").to_pylist() for key, part in split(batch, np.array([5, -1, 5, 5, -1, 0]))}
    assert parts == {-1: [1, 4], 0: [5], 5: [0, 2, 3]}


@settings(deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "low": st.integers(0, 3),
                "time": st.integers(0, 3),
                "partition": st.integers(0, 1),
                "outcome": st.sampled_from([Outcome.SEEN, Outcome.STORED, Outcome.LATE, Outcome.REJECTED]),
            }
        ),
        max_size=12,
    ),
    st.randoms(use_true_random=False),
)
def test_of_each_identity_one_is_kept_whatever_the_order(rows: list[dict[str, object]], random: object) -> None:
    numbered = [row | {"offset": offset} for offset, row in enumerate(rows)]
    shuffled = list(numbered)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    outcomes = []
    for given_rows in (numbered, shuffled):
        ordered, found = find_duplicates(records(*given_rows))
        outcomes.append(dict(zip(ordered.column("offset").to_pylist(), found.tolist(), strict=True)))
    assert outcomes[0] == outcomes[1]
    for low in range(4):
        same = [row for row in numbered if row["low"] == low and row["outcome"] in (Outcome.SEEN, Outcome.STORED)]
        if same:
            kept = [row for row in same if outcomes[0][row["offset"]] != Outcome.DUPLICATE]
            first = min(same, key=lambda row: tuple(row[name] for name in ("outcome", "time", "partition", "offset")))
            assert kept == [first]
    assert all(
        outcomes[0][row["offset"]] == row["outcome"]
        for row in numbered
        if row["outcome"] in (Outcome.LATE, Outcome.REJECTED)
    )
