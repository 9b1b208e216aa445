"""The chart names every source, in any script."""

from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

from eventmill.text.printable import visible
from eventmill.text.svg_chart import draw_counts

START = datetime(2026, 1, 1)


def test_the_chart_is_an_svg_with_every_source_and_its_total(tmp_path: Path) -> None:
    rows = [(START + timedelta(minutes=5 * i), s, 1000) for i in range(3) for s in ("desktop", "téléphone", "手机")]
    draw_counts(rows, tmp_path / "chart.svg")
    image = (tmp_path / "chart.svg").read_text(encoding="utf-8")
    assert image.startswith("<?xml")
    assert all(text in image for text in ("desktop", "téléphone", "手机", "3,000"))


def test_a_source_of_any_text_leaves_the_chart_an_svg(tmp_path: Path) -> None:
    sources = ["app[/web]", "a\x1b[2J\x00b", "x\u202ey", "$a_b$ <b>", "two\nlines"]
    draw_counts([(START, source, 10) for source in sources], tmp_path / "chart.svg")
    texts = set(ElementTree.parse(tmp_path / "chart.svg").getroot().itertext())
    assert {visible(source) for source in sources} <= texts
