"""The cause that ended a job, as one line."""

from __future__ import annotations

from eventmill.config import errors
from eventmill.text.printable import visible

LONGEST = 500
PY4J = "An error occurred while calling "
"""First line of an error from the bridge to Java; the error itself is on the next line."""


def reason_of(error: BaseException) -> str:
    """One line: the sentence of an error that was foreseen, else what Spark or Java give as the root cause."""
    if isinstance(error, Exception) and (sentence := errors.explain(error)):
        return _line(sentence)
    lines = [line.strip().removeprefix(": ") for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(PY4J)] or [type(error).__name__]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    return _line(f"{told[0]} ({causes[-1]})" if causes and causes[-1] not in told[0] else told[0])


def _line(text: str) -> str:
    line = visible(" ".join(text.split()))
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
