"""Errors that users meet, as one sentence that says what is wrong and what to do."""

from __future__ import annotations

UP = "is the stack up? See: eventmill status"


class EventmillError(Exception):
    """The root of all errors that the platform raises by itself; the message is for people."""


def explain(error: Exception) -> str | None:
    """The error as one sentence, or None for one that nobody foresaw."""
    if isinstance(error, EventmillError):
        return str(error)
    library = type(error).__module__.partition(".")[0]
    if library == "kafka":
        return f"Kafka: {error}; {UP}"
    if library == "cimpl":
        return f"Kafka: {error.args[0].str()}; {UP}"
    if library == "mysql":
        return f"MySQL: {error}; {UP}"
    if library == "psycopg":
        return f"PostgreSQL: {error}; {UP}"
    if library == "cassandra":
        return f"Cassandra: {error}; {UP}"
    if library == "thrift":
        return f"HiveServer2: {error}; {UP}"
    if library == "requests":
        return f"{_web(error)}; {UP}"
    return _system(error) if isinstance(error, OSError) else None


def _web(error: Exception) -> str:
    """The page that did not answer, or the server's own words."""
    request = getattr(error, "request", None)
    if request is None or getattr(error, "response", None) is not None:
        return str(error)
    return f"no answer from {request.url.partition('?')[0]}"


def _system(error: OSError) -> str:
    if isinstance(error, ConnectionError):
        return f"{error}; {UP}"
    return f"{error.strerror}: {error.filename}" if error.filename else str(error)
