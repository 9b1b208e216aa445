"""Brings the flows into a running NiFi; run again, it changes only what differs and loses nothing that is queued."""

from __future__ import annotations

from typing import Any

import nipyapi
from nipyapi import canvas, nifi
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from eventmill.config.errors import EventmillError
from eventmill.config.settings import Settings, load
from nifi import clicks
from nifi.flow import Connection, Flow, Processor

FIRST_IN_FIRST_OUT = "org.apache.nifi.prioritizer.FirstInFirstOutPrioritizer"
SCHEDULING = (
    "retry_count",
    "backoff_mechanism",
    "max_backoff_period",
    "yield_duration",
    "penalty_duration",
    "scheduling_period",
)
LOAD_SECONDS = 120
DRAIN_SECONDS = 120


class DeployError(EventmillError):
    """A flow could not be brought into NiFi; the message says what to do."""


def deploy(settings: Settings) -> list[str]:
    """Make NiFi run the flows as they are defined; returns what was changed, nothing when all was right.

    Raises:
        DeployError: when queues do not run empty that have to, or NiFi does not accept a processor.
    """
    nipyapi.config.nifi_config.host = f"http://{settings.nifi_host}:{settings.nifi_port}/nifi-api"
    return [change for flow in (clicks.flow(settings),) for change in _Deployment(flow).run()]


class _Deployment:
    """One flow on its way into NiFi."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._changes: list[str] = []
        self._group: Any = None

    def run(self) -> list[str]:
        for old in _groups(self._flow.name):
            if self._group is None and self._fits(old):
                self._group = old
            else:
                _remove(old)
                self._changes.append(f"removed the old {self._flow.name}")
        if self._group is None:
            self._group = canvas.create_process_group(_root(), self._flow.name, (400.0, 400.0))
            self._changes.append(f"created {self._flow.name}")
        self._ensure_processors()
        self._ensure_connections()
        self._start()
        return self._changes

    def _fits(self, group: Any) -> bool:
        """True if the group has nothing that the flow has not, so that it only needs to be completed."""
        types = {step.name: step.type for step in self._flow.steps}
        same = all(types.get(p.component.name) == p.component.type for p in canvas.list_all_processors(group.id))
        return same and {_link(c) for c in canvas.list_all_connections(group.id)} <= set(self._flow.links)

    def _ensure_processors(self) -> None:
        there = {p.component.name: p for p in canvas.list_all_processors(self._group.id)}
        known = {t.type: t for t in canvas.list_all_processor_types().processor_types}
        for step in self._flow.steps:
            processor = there.get(step.name)
            if processor is None:
                x, y = step.place
                place = (x * 700.0, y * 200.0)
                processor = canvas.create_processor(self._group, known[step.type], place, step.name)
            config = _config(step)
            processor = _loaded(processor.id)
            if _differs(processor.component.config, config):
                canvas.update_processor(processor, config, auto_stop=True)
                self._changes.append(f"set {step.name}")

    def _ensure_connections(self) -> None:
        there = {_link(c) for c in canvas.list_all_connections(self._group.id)}
        processors = {p.component.name: p for p in canvas.list_all_processors(self._group.id)}
        for link in self._flow.links:
            if link not in there:
                _connect(self._group.id, link, processors)
                self._changes.append(f"connected {link.source} to {link.target}")

    def _start(self) -> None:
        stopped = _wait(lambda: self._not_valid(), LOAD_SECONDS)
        if stopped:
            raise DeployError(f"NiFi does not accept {stopped}; see its log: make logs ENGINE=nifi")
        if any(p.component.state != "RUNNING" for p in canvas.list_all_processors(self._group.id)):
            canvas.schedule_process_group(self._group.id, True)
            self._changes.append(f"started {self._flow.name}")

    def _not_valid(self) -> str:
        invalid = [p for p in canvas.list_all_processors(self._group.id) if p.component.validation_status != "VALID"]
        return "; ".join(f"{p.component.name}: {p.component.validation_errors}" for p in invalid)


def _root() -> Any:
    return canvas.get_process_group(canvas.get_root_pg_id(), "id")


def _groups(name: str) -> list[Any]:
    root = canvas.get_root_pg_id()
    groups = [g for g in canvas.list_all_process_groups(root) if g.component.parent_group_id == root]
    return [group for group in groups if group.component.name == name]


def _link(connection: Any) -> Connection:
    component = connection.component
    relationships = tuple(component.selected_relationships or ())
    return Connection(component.source.name, relationships, component.destination.name)


def _config(step: Processor) -> Any:
    return nifi.ProcessorConfigDTO(
        properties=step.properties,
        auto_terminated_relationships=[*step.end, *step.retry],
        retried_relationships=list(step.retry),
        retry_count=2**31 - 1,
        backoff_mechanism="YIELD_PROCESSOR" if step.in_order else "PENALIZE_FLOWFILE",
        max_backoff_period="10 sec",
        yield_duration="1 sec",
        penalty_duration="1 sec",
        scheduling_period=step.every,
    )


def _differs(is_now: Any, wanted: Any) -> bool:
    """True if a processor is set otherwise; what the flow does not speak of is left alone."""
    if any(getattr(is_now, name) != getattr(wanted, name) for name in SCHEDULING):
        return True
    for name in ("auto_terminated_relationships", "retried_relationships"):
        if set(getattr(is_now, name) or ()) != set(getattr(wanted, name)):
            return True
    return any(is_now.properties.get(name) != value for name, value in wanted.properties.items())


def _loaded(processor_id: str) -> Any:
    """The processor once NiFi knows its relationships: one in Python has none until its process is up."""
    _wait(lambda: not canvas.get_processor(processor_id, "id").component.relationships, LOAD_SECONDS)
    return canvas.get_processor(processor_id, "id")


def _connect(group_id: str, link: Connection, processors: dict[str, Any]) -> None:
    ends = [
        nifi.ConnectableDTO(id=processors[name].id, group_id=group_id, type="PROCESSOR")
        for name in (link.source, link.target)
    ]
    connection = nifi.ConnectionDTO(
        source=ends[0],
        destination=ends[1],
        selected_relationships=list(link.relationships),
        prioritizers=[FIRST_IN_FIRST_OUT],
    )
    entity = nifi.ConnectionEntity(
        revision=nifi.RevisionDTO(version=0),
        source_type="PROCESSOR",
        destination_type="PROCESSOR",
        component=connection,
    )
    nifi.ProcessGroupsApi().create_connection(id=group_id, body=entity)


def _remove(group: Any) -> None:
    """Take a group away after its queues have run empty.

    Raises:
        DeployError: when they don't in time; the group then runs on.
    """
    processors = canvas.list_all_processors(group.id)
    fed = {c.component.destination.id for c in canvas.list_all_connections(group.id)}
    sources = [p for p in processors if p.id not in fed]
    _schedule(group, sources, False)
    _schedule(group, [p for p in processors if p.id in fed], True)
    if queued := _wait(lambda: _queued(group.id), DRAIN_SECONDS):
        _schedule(group, sources, True)
        raise DeployError(
            f"the flow {group.component.name} has to be replaced, but FlowFiles are still queued in it after "
            f"{DRAIN_SECONDS} s ({queued} left): is Kafka up? It runs on; deploy again later"
        )
    canvas.schedule_process_group(group.id, False)
    canvas.delete_process_group(group)


def _schedule(group: Any, processors: list[Any], run: bool) -> None:
    """Start or stop processors; one that NiFi finds invalid can't be started and is left as it is."""
    now = [canvas.get_processor(p.id, "id") for p in processors]
    fit = [p for p in now if not run or (p.component.validation_status == "VALID" and p.component.state == "STOPPED")]
    if fit:
        canvas.schedule_components(group.id, run, fit)


def _queued(group_id: str) -> int:
    status = canvas.get_process_group_status(group_id, "all")
    return int(status.status.aggregate_snapshot.flow_files_queued) + int(
        status.status.aggregate_snapshot.active_thread_count
    )


def _wait(still: Any, seconds: int) -> Any:
    """Poll until `still()` is false or the time is up; returns its last result."""
    try:
        return Retrying(
            retry=retry_if_result(bool), stop=stop_after_delay(seconds), wait=wait_fixed(0.25), reraise=False
        )(still)
    except RetryError as error:
        return error.last_attempt.result()


if __name__ == "__main__":
    deploy(load())
