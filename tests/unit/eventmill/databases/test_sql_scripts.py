"""Splitting scripts into statements."""

from __future__ import annotations

from eventmill.databases.sql_scripts import statements


def test_a_script_is_split_into_its_statements() -> None:
    script = "-- a comment; with a semicolon\nCREATE TABLE a (\n  b INT COMMENT 'x;y'\n);\n\nDROP TABLE c;\n"
    assert statements(script) == ["CREATE TABLE a (\n  b INT COMMENT 'x;y'\n)", "DROP TABLE c"]
