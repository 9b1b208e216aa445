"""What ended a job, as one line."""

from __future__ import annotations

from eventmill import errors

LONGEST = 500


def explain(error: BaseException) -> str:
    """One line: the sentence of an error that was foreseen, else what Spark or Java give as the root cause."""
    if isinstance(error, Exception) and (sentence := errors.explain(error)):
        return _line(sentence)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    what = lines[0] if lines else type(error).__name__
    return _line(f"{what} ({causes[-1]})" if causes else what)


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
