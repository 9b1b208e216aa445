"""Scripts of SQL."""

from __future__ import annotations

from eventmill import mysql


def test_a_script_is_split_into_its_statements() -> None:
    script = "-- a comment; with a semicolon\nCREATE TABLE a (\n  b INT COMMENT 'x;y'\n);\n\nDROP TABLE c;\n"
    assert mysql.statements(script) == ["CREATE TABLE a (\n  b INT COMMENT 'x;y'\n)", "DROP TABLE c"]


def test_every_script_can_be_repeated() -> None:
    for script in mysql.SCRIPTS.glob("*.sql"):
        for statement in mysql.statements(script.read_text("utf-8")):
            assert statement.startswith("CREATE TABLE IF NOT EXISTS"), statement
