"""The log of our own services: lines with time in UTC, level and origin on standard error, from LOG_LEVEL on.

Supervisor keeps them in files of the state folder, Docker where `docker compose logs` finds them.
"""

from __future__ import annotations

import logging
import time

from eventmill.settings import Settings

FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def start(settings: Settings) -> None:
    """Begin to log; again, it does nothing."""
    form = logging.Formatter(FORM, "%Y-%m-%dT%H:%M:%SZ")
    form.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(form)
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])


def of_spark(settings: Settings) -> str:
    """The level of Spark's own log: its warnings are mostly of what is known, so it keeps them to itself."""
    return {"warning": "ERROR"}.get(settings.log_level, settings.log_level.upper())
