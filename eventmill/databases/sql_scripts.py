"""Scripts of SQL: files of statements, as `sql/` holds them by engine."""

from __future__ import annotations


def statements(script: str) -> list[str]:
    """The statements of a script; each ends with a semicolon at the end of a line."""
    lines = (line for line in script.splitlines() if not line.lstrip().startswith("--"))
    return [part.strip() for part in "\n".join([*lines, ""]).split(";\n") if part.strip()]
