"""CONTRIBUTING.md and the decision records name files that exist, and every record is in the index."""

import re
from pathlib import Path

import pytest

from eventmill.config.settings import ROOT
from tests.unit.test_docs import FOLDERS, make_targets

GUIDE = ROOT / "CONTRIBUTING.md"
INDEX = ROOT / "docs" / "adr" / "README.md"
RECORDS = sorted(INDEX.parent.glob("[0-9]*.md"))
PARTS = ["Context", "Decision", "Consequences", "Figures"]


def test_every_file_that_the_guide_names_exists() -> None:
    named = re.findall(rf"`((?:{FOLDERS})/[^` *<]*|[\w-]+\.(?:md|yml|toml)|\.env\.example)`", GUIDE.read_text("utf-8"))
    assert len(named) > 50
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_make_target_that_the_guide_names_exists() -> None:
    text = GUIDE.read_text("utf-8")
    named = set(re.findall(r"`make ([a-z0-9-]+)|^ +make ([a-z0-9-]+)", text, re.MULTILINE))
    assert {target for pair in named for target in pair if target} - make_targets() <= {"bootstrap"}


def test_every_record_is_in_the_index_by_its_number() -> None:
    listed = re.findall(r"^\| \[(\d{4})\]\((\S+)\)", INDEX.read_text("utf-8"), re.MULTILINE)
    assert listed == [(record.name[:4], record.name) for record in RECORDS]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_a_record_has_a_status_and_its_parts(record: Path) -> None:
    text = record.read_text("utf-8")
    assert re.match(rf"# {record.name[:4]}: .+\nStatus: (accepted|proposed|replaced).* Date: \d{{4}}-\d\d-\d\d", text)
    assert re.findall(r"^## (.+)", text, re.MULTILINE) == PARTS
