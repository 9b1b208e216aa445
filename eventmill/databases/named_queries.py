"""Named queries: what `sql/presto/*.sql` holds, asked of any engine that can answer it, and their answers compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from eventmill.config.errors import EventmillError
from eventmill.config.settings import ROOT, Settings
from eventmill.databases import query_engines

FOLDER = ROOT / "sql" / "presto"
HEAD = re.compile(
    r"^-- name: (?P<name>[a-z0-9-]+)\n-- about: (?P<about>.+)\n-- engines: (?P<engines>.+)\n"
    r"(?:-- parameters: (?P<parameters>.+)\n)?",
    re.MULTILINE,
)
PARAMETER = re.compile(r"%\((\w+)\)s")
PARAMETRISED = ("postgres",)
"""The engines that take values for a query's `%(name)s`."""

DIGITS = 12
"""To how many digits fractions must be equal: engines add them in different orders."""


class QueryError(EventmillError, ValueError):
    """No such query, an engine that cannot answer it, or a file that cannot be read; the message says which."""


class ParameterKind(NamedTuple):
    """A kind of parameters: what is allowed, in words, and the test of a value."""

    allowed: str
    takes: Callable[[str], bool]


def _is_day(text: str) -> bool:
    try:
        return bool(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text)) and date.fromisoformat(text) is not None
    except ValueError:
        return False


KINDS = {
    "day": ParameterKind("a day such as 2026-03-01", _is_day),
    "number": ParameterKind("a whole number from 1 on", lambda text: bool(re.fullmatch("[1-9][0-9]{0,17}", text))),
    "text": ParameterKind("text without NUL", lambda text: "\0" not in text),
}


@dataclass(frozen=True)
class NamedQuery:
    """A query, with what it tells and the engines that can answer it, the first by default.

    `parameters` has what can be given with the question, each with its kind of KINDS; what is not given is NULL.
    """

    name: str
    about: str
    engines: tuple[str, ...]
    statement: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    def require(self, engine: str) -> None:
        """Refuse an engine that cannot answer it.

        Raises:
            QueryError: naming those that can.
        """
        if engine not in self.engines:
            raise QueryError(f"{self.name} can be asked of {', '.join(self.engines)}, not of {engine}")

    def ask(self, settings: Settings, engine: str, **given: str) -> query_engines.QueryResult:
        """The answer of an engine.

        Raises:
            QueryError: when the engine cannot answer it, or the query has no such parameter or takes no such value.
        """
        self.require(engine)
        self._check(given)
        if not self.parameters:
            return query_engines.ENGINES[engine](settings, self.statement)
        return query_engines.postgres(settings, self.statement, {name: given.get(name) for name in self.parameters})

    def _check(self, given: Mapping[str, str]) -> None:
        for name, value in given.items():
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                raise QueryError(f"{self.name} has no parameter {name!r}; it has {known}")
            kind = KINDS[self.parameters[name]]
            if not kind.takes(value):
                raise QueryError(f"{self.name}: {name}={value!r} is not {kind.allowed}")


def read_queries(path: Path) -> Iterator[NamedQuery]:
    """The queries of a file, each below the lines `-- name: …`, `-- about: …` and `-- engines: …`.

    One that asks with parameters has a line `-- parameters: day day, top number` after them.

    Raises:
        QueryError: when a name has no such lines below it, an engine is unknown or takes no parameters, or the
            parameters of the statement are not those of the line.
    """
    text = path.read_text(encoding="utf-8")
    heads = list(HEAD.finditer(text))
    if len(heads) != text.count("-- name:"):
        raise QueryError(f"{path}: each query needs the lines `-- name: …`, `-- about: …` and `-- engines: …`")
    for head, end in zip(heads, [*(head.start() for head in heads[1:]), len(text)], strict=True):
        engines = tuple(name.strip() for name in head["engines"].split(","))
        if unknown := [name for name in engines if name not in query_engines.ENGINES]:
            known = ", ".join(query_engines.ENGINES)
            raise QueryError(f"{path}: {head['name']}: no engine is called {unknown[0]}; there are {known}")
        found = NamedQuery(
            head["name"], head["about"], engines, text[head.end() : end].strip(), _kinds(head["parameters"])
        )
        if found.parameters and engines != PARAMETRISED:
            raise QueryError(f"{path}: {found.name}: only {', '.join(PARAMETRISED)} can be asked with parameters")
        if set(found.parameters) != set(PARAMETER.findall(found.statement)) or not set(
            found.parameters.values()
        ) <= set(KINDS):
            raise QueryError(
                f"{path}: {found.name}: the line `-- parameters: …` names each parameter of the statement with its "
                f"kind, one of {', '.join(KINDS)}"
            )
        yield found


def _kinds(line: str | None) -> dict[str, str]:
    """The parameters of a line such as `day day, top number`, each with its kind."""
    pairs = [part.strip().partition(" ") for part in (line or "").split(",") if part.strip()]
    return {name: kind.strip() for name, _, kind in pairs}


def all_queries() -> dict[str, NamedQuery]:
    """All named queries."""
    return {query.name: query for path in sorted(FOLDER.glob("*.sql")) for query in read_queries(path)}


def query(name: str) -> NamedQuery:
    """The query of that name.

    Raises:
        QueryError: naming those that exist.
    """
    known = all_queries()
    if name not in known:
        raise QueryError(f"no query is called {name!r}; there are {', '.join(known)}")
    return known[name]


def first_difference(one: query_engines.QueryResult, other: query_engines.QueryResult) -> str | None:
    """The first difference of two answers, or None; numbers are equal by value, whatever type an engine gives them."""
    if one.columns != other.columns:
        return f"columns {', '.join(one.columns)} and {', '.join(other.columns)}"
    for number, (left, right) in enumerate(zip(one.rows, other.rows, strict=False), 1):
        if _plain(left) != _plain(right):
            first, second = (", ".join(map(query_engines.cell_text, row)) for row in (left, right))
            return f"row {number}: {first} and {second}"
    return None if len(one.rows) == len(other.rows) else f"{len(one.rows)} rows and {len(other.rows)}"


def _plain(row: Sequence[query_engines.Value]) -> list[object]:
    return [
        _number(cell) if isinstance(cell, int | float | Decimal) and not isinstance(cell, bool) else cell
        for cell in row
    ]


def _number(value: int | float | Decimal) -> Decimal:
    number = Decimal(value) if isinstance(value, int) else Decimal(str(value))
    return number if number == number.to_integral_value() else Decimal(f"{number:.{DIGITS}g}")
