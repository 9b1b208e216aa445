"""Hive's metastore in containers: every table of the lines is there from the start on, and Presto lists it."""

from __future__ import annotations

import json

import pytest

from eventmill import tables
from tests.compose.containers import Containers

LISTING = "SELECT DISTINCT table_name AS name FROM information_schema.{} WHERE table_schema = 'default'"


@pytest.mark.parametrize("listed", ["tables", "columns"])
def test_presto_lists_every_table_of_the_lines(listed: str, containers: Containers) -> None:
    scripts = (tables.script(line).read_text("utf-8") for line in tables.lines())
    made = {name for script in scripts for name in tables.TABLE.findall(script)}
    answer = containers.eventmill("sql", "presto", LISTING.format(listed), "--format", "json")
    assert made <= {row["name"] for row in json.loads(answer)}
