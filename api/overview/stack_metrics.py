"""The overview as Prometheus metrics: pages, records by pipeline, jobs, DAG runs and the number of reasons."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.overview.routes import Disk, Overview, Path
from eventmill.spark import job_state
from eventmill.spark.job_state import JobState

COUNTS = ("accepted", "stored", "rejected", "late", "duplicates", "waiting")


def stack_metrics_text(seen: Overview) -> bytes:
    """The numbers in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(StackCollector(seen))
    return generate_latest(registry)


class StackCollector(Collector):
    """The metrics of one look at the stack."""

    def __init__(self, seen: Overview) -> None:
        self._seen = seen

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        reasons = GaugeMetricFamily("eventmill_problems", "Reasons for which the first page is red.")
        reasons.add_metric([], len(self._seen.reasons))
        pages = GaugeMetricFamily("eventmill_page_up", "Whether a page of the stack answers.", labels=["page"])
        for page in self._seen.pages:
            pages.add_metric([page.name], page.answers)
        runs = GaugeMetricFamily("eventmill_dag_failed", "Whether the latest run of a DAG failed.", labels=["dag"])
        for run in self._seen.dags:
            runs.add_metric([run.dag], run.failed)
        yield from (reasons, pages, runs, *_disk(self._seen.disk))
        yield from (*_records(self._seen.pipelines), *_jobs(self._seen.jobs))


def _disk(disk: Disk | None) -> Iterator[Metric]:
    if disk:
        yield GaugeMetricFamily("eventmill_disk_free_bytes", "Free on the fullest disk of the stack.", disk.free)
        yield GaugeMetricFamily("eventmill_disk_size_bytes", "Size of that disk.", disk.size)
        yield GaugeMetricFamily("eventmill_disk_reserve_bytes", "With less free, nothing is taken.", disk.reserve)


def _records(paths: list[Path]) -> Iterator[Metric]:
    records = GaugeMetricFamily(
        "eventmill_pipeline_records", "Records by pipeline and outcome.", labels=["pipeline", "outcome"]
    )
    entry = GaugeMetricFamily(
        "eventmill_pipeline_rejected_at_entry", "Records held back at a door.", labels=["pipeline", "door"]
    )
    difference = GaugeMetricFamily(
        "eventmill_pipeline_difference", "Records in Kafka and in no count of the job.", labels=["pipeline"]
    )
    for path in paths:
        for name in COUNTS:
            records.add_metric([path.pipeline, name], getattr(path, name))
        for door, number in path.rejected_at_entry.items():
            entry.add_metric([path.pipeline, door], number)
        difference.add_metric([path.pipeline], path.difference)
    yield from (records, entry, difference)


def _jobs(jobs: list[JobState]) -> Iterator[Metric]:
    states = GaugeMetricFamily(
        "eventmill_job_state", "1 for the state that a pipeline's job has.", labels=["pipeline", "state"]
    )
    restarts = GaugeMetricFamily(
        "eventmill_job_restarts", "Restarts of a job's queries since its process began.", labels=["pipeline"]
    )
    for job in jobs:
        for value in job_state.VALUES:
            states.add_metric([job.pipeline, value], job.state == value)
        restarts.add_metric([job.pipeline], job.restarts)
    yield from (states, restarts)
