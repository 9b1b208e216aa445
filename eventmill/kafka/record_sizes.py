"""Size limits of Kafka records, from the topics that senders write to up to our own producers.

Each step has room for the headers that it adds, so what a topic takes passes through every sink and every topic of
rejected records. Consumers have no limit to set: Kafka gives them a batch that is larger than what they ask for, if it
is the first. The brokers' and the forwarder's files in `engines/` repeat these numbers.
"""

from __future__ import annotations

RECORD_BYTES = 1_200_000
"""Largest record of a topic that senders write to: key, value, headers and the frame of its batch."""

RESULT_BYTES = RECORD_BYTES + 100_000
"""The same for topics that take other topics' records with more headers, and what the brokers take at most."""

REQUEST_BYTES = RESULT_BYTES + 100_000
"""Largest request of our producers."""

TOO_LONG = f"more than {RECORD_BYTES} bytes with its key, before it was compressed"
"""Why a record is rejected that came into its topic only because its producer had compressed it."""


def is_too_long(key: bytes | None, value: bytes | None) -> bool:
    """True for a record that would not fit uncompressed into the topic that it came from."""
    return len(key or b"") + len(value or b"") > RECORD_BYTES
