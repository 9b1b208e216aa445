"""What the docs name exists, and what exists is in the docs."""

import re
import subprocess
from pathlib import Path

import pytest

from eventmill.config.settings import ROOT, Settings
from eventmill.kafka import topics
from tests.support import settings

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OTHERS = [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs" / "adr").glob("*.md"))]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
SQL = "\n".join(file.read_text(encoding="utf-8") for file in sorted((ROOT / "sql").rglob("*.*ql")))
OTHER_VARIABLES = {"DATA", "ENGINE", "BIND_HOST", "EVENTMILL_DEBUG", "PYTHON", "CI", "ROOT", "UV"}
FOLDERS = "|".join(sorted(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")))


def make_targets() -> set[str]:
    """The targets that `make help` shows."""
    return set(re.findall(r"^([a-z0-9-]+):.*## ", MAKEFILE, re.MULTILINE))


def tables() -> set[str]:
    """The tables that the SQL files make."""
    return set(re.findall(r"TABLE IF NOT EXISTS\s+`?(\w+)", SQL, re.IGNORECASE))


def paths(text: str) -> set[str]:
    """The paths in backticks that begin with a folder of the checkout."""
    return set(re.findall(rf"`((?:{FOLDERS})/[\w./-]*)`", text))


def anchors(page: Path) -> set[str]:
    """Anchors of a page's sections, by GitHub's rule."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def entries() -> list[str]:
    """The entries of the glossary, each with its heading."""
    return (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").split("\n## ")[1:]


def test_every_make_target_is_in_the_docs() -> None:
    assert {target for target in make_targets() if not re.search(rf"make {target}\b", TEXT)} == set()


def test_every_make_target_in_the_docs_exists() -> None:
    named = set(re.findall(r"`make ([a-z0-9-]+)", TEXT)) | set(re.findall(r"^ +make ([a-z0-9-]+)", TEXT, re.MULTILINE))
    assert named - make_targets() == set()


def test_make_alone_shows_every_target() -> None:
    shown = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(re.findall(r"^  make (\S+)", shown.stdout, re.MULTILINE)) == make_targets()


def test_every_setting_that_the_docs_name_exists() -> None:
    named = set(re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+|[A-Z]{4,})(?:=[^`]*)?`", TEXT))
    assert named - {name.upper() for name in Settings.model_fields} - OTHER_VARIABLES == set()


@pytest.mark.parametrize("topic", topics.names(settings()))
def test_every_topic_is_in_the_docs(topic: str) -> None:
    assert f"`{topic}`" in TEXT


def test_every_table_is_in_the_docs() -> None:
    assert tables()
    assert {table for table in tables() if f"`{table}`" not in TEXT} == set()


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_to_a_section_leads_there(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]*)#([^)]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if link[1] not in anchors(page.parent / link[0] if link[0] else page)] == []


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_path_of_the_repository_that_the_docs_name_exists(page: Path) -> None:
    assert {path for path in paths(page.read_text(encoding="utf-8")) if not (ROOT / path).exists()} == set()


def test_the_journeys_of_a_record_name_the_files_that_it_passes() -> None:
    steps = re.findall(r"^\d+\. (.+)", (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert steps
    assert [step for step in steps if not re.match(rf"`(?:{FOLDERS})/\S+`(?: again)?: ", step)] == []


def test_the_glossary_is_in_order_and_says_where_each_thing_is() -> None:
    words = [entry.splitlines()[0] for entry in entries()]
    assert words
    assert words == sorted(set(words), key=str.casefold)
    assert [entry for entry in entries() if not paths(entry) and "](" not in entry] == []


def test_every_page_is_linked_from_the_readme() -> None:
    readme = PAGES[0].read_text(encoding="utf-8")
    assert [page.name for page in PAGES[1:] if f"docs/{page.name}" not in readme] == []


def test_the_readme_stays_short() -> None:
    assert len(PAGES[0].read_text(encoding="utf-8").splitlines()) < 150
