"""Types of the contracts' fields: what each takes from a sender, and so what the tables can rely on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta

Name = Annotated[str, Meta(min_length=1, max_length=255, description="1 to 255 characters")]
"""An identifier or a label; 255 characters is what the tables of MySQL take."""

HeaderText = Annotated[str, Meta(max_length=8192, description="at most 8192 characters")]
"""The value of an HTTP header."""

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]

Number = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]

Id = Name | Number
"""An identifier that other systems number: 1 to 255 characters, or a whole number, which counts as its text."""

OptionalId = Annotated[str, Meta(max_length=255, description="at most 255 characters")] | Number | None
"""An `Id`, or nothing: null or an empty text."""

Address = str | Number
"""The address of a client as it was logged; a number counts as its text."""

Anything = Annotated[Any, Meta(description="not stored")]

LOCAL = "local"
LocalTime = Annotated[datetime, Meta(description="whose offset is left out", extra={"clock": LOCAL})]
"""The time that a clock showed, wherever it was: an offset is left out, never subtracted."""


def id_text(value: str | int | None) -> str | None:
    """An identifier or an address as text, which tables and keys have; an empty one is none."""
    return None if value is None or value == "" else str(value)
