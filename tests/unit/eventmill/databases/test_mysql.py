"""Scripts of SQL."""

from __future__ import annotations

from eventmill.databases import mysql, sql_scripts


def test_every_script_can_be_repeated() -> None:
    for script in mysql.SCRIPTS.glob("*.sql"):
        for statement in sql_scripts.statements(script.read_text("utf-8")):
            assert statement.startswith(("CREATE TABLE IF NOT EXISTS", "INSERT IGNORE")), statement
