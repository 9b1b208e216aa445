"""Model of a NiFi flow as data: its processors and their connections."""

from __future__ import annotations

from dataclasses import dataclass, field

STANDARD = "org.apache.nifi.processors.standard."
ATTRIBUTES = "org.apache.nifi.processors.attributes."


@dataclass(frozen=True)
class Processor:
    """One processor: its name in the flow, type, properties and place (column, row) on the canvas.

    Relationships in `end` are done with. A FlowFile that goes to one in `retry` stays in its queue and is tried again,
    at most 10 s later, without end; meanwhile others pass it unless the step is `in_order`. `every` is NiFi's schedule.
    """

    name: str
    type: str
    properties: dict[str, str]
    place: tuple[int, int]
    end: tuple[str, ...] = ()
    retry: tuple[str, ...] = ()
    in_order: bool = False
    every: str = "0 sec"


@dataclass(frozen=True)
class Connection:
    """A queue, first in first out, from a step's relationships to another step."""

    source: str
    relationships: tuple[str, ...]
    target: str


@dataclass(frozen=True)
class Flow:
    """A process group of NiFi; steps without a link to them are its sources."""

    name: str
    steps: tuple[Processor, ...]
    links: tuple[Connection, ...] = field(default=())

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the steps that bring FlowFiles in."""
        fed = {link.target for link in self.links if link.source != link.target}
        return tuple(step.name for step in self.steps if step.name not in fed)
