"""A pipeline's analytics report: the answers to its named queries as tables and charts, in HTML and in Markdown."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from eventmill.config.atomic_files import staged
from eventmill.config.errors import EventmillError
from eventmill.config.settings import ROOT, Settings
from eventmill.databases import named_queries, query_engines
from eventmill.databases.named_queries import NamedQuery
from eventmill.kafka import topics
from eventmill.lake import checkpoint_progress, hive_tables
from eventmill.text.printable import visible

TITLES = {"game": "The game: who plays, what they buy, and their guilds"}
CHARTED = frozenset({"game-purchases", "game-spending", "game-items", "guild-sizes"})
"""The queries whose answers are drawn: names in the first column, numbers in the second."""

TABLE_ROWS = 100
BARS = 20
LABEL = 40
"""Rows of an answer that are shown, and characters of a name beside its bar."""

LOCATION = re.compile(r"LOCATION '([^']+)'")
MARKDOWN = re.compile(r"[\\`*_\[\]|~$#!@]|:(?=//)")


class ReportError(EventmillError):
    """There is no such report, or its queries have no answers yet; the message says what to do."""


class ReportStep(NamedTuple):
    """A step of the pipeline: its name, where it is, and what it does."""

    name: str
    place: str
    about: str


class Column(NamedTuple):
    """A column's name, and whether it holds numbers."""

    name: str
    numeric: bool


@dataclass(frozen=True)
class Section:
    """A query's answer as it is shown.

    Attributes:
        rows: the first TABLE_ROWS, as texts.
        total: how many rows there are.
        svg: the chart, None when there is none.
        counts: whether the answer tells of any event.
    """

    name: str
    about: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    total: int
    svg: str | None
    counts: bool

    @property
    def svg_file(self) -> str:
        """The name of the chart's file."""
        return f"{self.name}.svg"


def questions(pipeline: str, engine: str) -> list[NamedQuery]:
    """The queries of a pipeline's report.

    Raises:
        ReportError: when the pipeline has none.
        QueryError: when the engine cannot answer one of them.
    """
    if pipeline not in TITLES:
        raise ReportError(f"there is no report on {pipeline!r}; there are {', '.join(TITLES)}")
    asked = list(named_queries.read_queries(_file(pipeline)))
    for query in asked:
        query.require(engine)
    return asked


def answer_query(settings: Settings, query: NamedQuery, engine: str) -> Section:
    """Ask a query, and lay its answer out.

    Raises:
        ReportError: when the engine refuses it, as it does before the tables are made.
    """
    try:
        return section(query, query.ask(settings, engine))
    except query_engines.SqlError as error:
        raise ReportError(f"{error} (query {query.name}); `eventmill tables` makes a pipeline's tables") from error


def section(query: NamedQuery, result: query_engines.QueryResult) -> Section:
    """An answer as it is shown."""
    return Section(
        name=query.name,
        about=query.about[0].upper() + query.about[1:],
        columns=tuple(Column(visible(name), _is_numeric(result, index)) for index, name in enumerate(result.columns)),
        rows=tuple(tuple(visible(query_engines.cell_text(cell)) for cell in row) for row in result.rows[:TABLE_ROWS]),
        total=len(result.rows),
        svg=_chart(result) if query.name in CHARTED and result.rows else None,
        counts=any(cell for row in result.rows for cell in row),
    )


def _is_numeric(result: query_engines.QueryResult, index: int) -> bool:
    return any(isinstance(row[index], int | float | Decimal) for row in result.rows)


def _chart(result: query_engines.QueryResult) -> str:
    from eventmill.text import (
        svg_chart,  # its matplotlib is not in Airflow's environment, which asks this module for names
    )

    bars = [(_label(name), float(str(number))) for name, number in (row[:2] for row in result.rows[:BARS])]
    rest = f", the first {len(bars)} of {len(result.rows)}" if len(bars) < len(result.rows) else ""
    return svg_chart.bar_chart(bars, f"{result.columns[1]}{rest}")


def _label(cell: query_engines.Value) -> str:
    text = visible(query_engines.cell_text(cell))
    return text if len(text) <= LABEL else f"{text[: LABEL - 1]}…"


def markdown(text: object) -> str:
    """The text with everything escaped that means something in Markdown or HTML."""
    return html.escape(MARKDOWN.sub(r"\\\g<0>", str(text)), quote=False)


def steps(settings: Settings, pipeline: str, engine: str) -> list[ReportStep]:
    """The steps from the players to this report, by the names and places that are set."""
    topic = next(
        known for known in topics.declared(settings) if known.name == checkpoint_progress.topic(settings, pipeline)
    )
    made = hive_tables.script(pipeline).read_text(encoding="utf-8")
    folder = os.path.commonpath(LOCATION.findall(made))
    service = f"http://{getattr(settings, f'{pipeline}_host')}:{getattr(settings, f'{pipeline}_port')}"
    seconds = getattr(settings, f"{pipeline}_trigger_seconds")
    engines = {"presto": f"http://{settings.presto_host}:{settings.presto_port}", "spark": settings.spark_master}
    return [
        ReportStep("service", service, "answers the players' requests and publishes an event for each"),
        ReportStep(
            "Kafka",
            f"topic {topic.name}",
            f"{topic.about}, in {topic.partitions} partitions by {topic.key}; "
            f"what breaks the contract goes to {topics.rejected(topic.name)}",
        ),
        ReportStep(
            "Spark", f"job {pipeline}, {settings.spark_master}", f"takes new events every {seconds} s, and each once"
        ),
        ReportStep("HDFS", f"{settings.hdfs_url}{folder}", "Parquet files, a folder for each table and day"),
        ReportStep("Hive", f"{settings.hive_server_host}:{settings.hive_server_port}", _external(pipeline)),
        ReportStep(engine.capitalize(), engines[engine], f"answers the queries of {_file(pipeline).relative_to(ROOT)}"),
    ]


def _external(pipeline: str) -> str:
    return f"external tables {', '.join(hive_tables.partitioned(pipeline))}"


def _file(pipeline: str) -> Path:
    return named_queries.FOLDER / f"{pipeline}.sql"


@dataclass(frozen=True)
class AnalyticsReport:
    """A report, ready to be written."""

    pipeline: str
    engine: str
    made: datetime
    steps: Sequence[ReportStep]
    sections: Sequence[Section]

    def html(self, charts: bool = True) -> str:
        """One page that needs no other file; without charts for mail clients, which drop them."""
        return self._render("report.html.j2", charts)

    def markdown(self) -> str:
        """The Markdown text, which links the charts beside it."""
        return self._render("report.md.j2", charts=True)

    def _render(self, template: str, charts: bool) -> str:
        from eventmill.text import svg_chart

        environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=select_autoescape(["html.j2"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        environment.filters |= {"markdown": markdown, "inline": svg_chart.inline}
        return environment.get_template(template).render(
            report=self,
            title=TITLES[self.pipeline],
            made=query_engines.time_text(self.made.replace(microsecond=0)),
            sections=self.sections if any(section.counts for section in self.sections) else (),
            charts=charts,
        )


def write_files(report: AnalyticsReport, folder: Path) -> list[Path]:
    """Write the page, the same without charts for a mail's body, the Markdown text and the charts; returns them."""
    folder.mkdir(parents=True, exist_ok=True)
    images = {section.svg_file: section.svg for section in report.sections if section.svg is not None}
    texts = images | {
        f"{report.pipeline}.md": report.markdown(),
        mail_file(report.pipeline): report.html(charts=False),
        page_file(report.pipeline): report.html(),
    }
    return list(_write(folder, texts.items()))


def _write(folder: Path, texts: Iterable[tuple[str, str]]) -> Iterable[Path]:
    for name, text in texts:
        with staged(folder / name) as file:
            file.write(text.encode())
        yield folder / name


def page_file(pipeline: str) -> str:
    """The name of the page."""
    return f"{pipeline}.html"


def mail_file(pipeline: str) -> str:
    """The name of the page without charts."""
    return f"{pipeline}-mail.html"
