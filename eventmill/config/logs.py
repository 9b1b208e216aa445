"""The log of our own services: lines with time in UTC, level and origin on standard error, from LOG_LEVEL on.

Each message is one line whatever is in it, and no control character of it reaches who reads the log.
Supervisor keeps them in files of the state folder, Docker where `docker compose logs` finds them.
"""

from __future__ import annotations

import logging
import time
from types import TracebackType

from eventmill.config.settings import Settings
from eventmill.text.printable import visible, visible_lines

FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"


Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class Form(logging.Formatter):
    """Lines in UTC; a stack trace keeps its lines, a message is one."""

    converter = staticmethod(time.gmtime)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """The line of a record."""
        record.message = visible(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Raised) -> str:  # noqa: N802
        """The stack trace of a record."""
        return visible_lines(super().formatException(ei))


def start_logging(settings: Settings) -> None:
    """Begin to log; again, it does nothing."""
    handler = logging.StreamHandler()
    handler.setFormatter(Form(FORM, "%Y-%m-%dT%H:%M:%SZ"))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])


def of_spark(settings: Settings) -> str:
    """The level of Spark's own log: its warnings are mostly of what is known, so it keeps them to itself."""
    return {"warning": "ERROR"}.get(settings.log_level, settings.log_level.upper())
