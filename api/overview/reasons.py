"""Why the stack is not in order: a plain sentence for each reason, of which `/` is red."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from api.overview.ledger import Books
from api.overview.routes import Page, Path
from eventmill.airflow.rest_client import Run
from eventmill.spark.job_state import JobState
from eventmill.text.printable import visible

AT = "%Y-%m-%d %H:%M:%S UTC"


def of_pages(pages: Iterable[Page]) -> Iterator[str]:
    """The pages that do not answer."""
    for page in pages:
        if not page.answers:
            yield f"{page.name} does not answer"


def of_jobs(jobs: Iterable[JobState]) -> Iterator[str]:
    """The continuous jobs that do not run."""
    for job in jobs:
        if job.state != "running":
            restarts = f" ({_number(job.restarts, 'restart')})" if job.restarts else ""
            yield f"{job.pipeline}: the job is {job.state} since {job.since:{AT}}{restarts}: {visible(job.reason)}"


def of_runs(runs: Iterable[Run]) -> Iterator[str]:
    """The DAGs whose latest run failed."""
    for run in runs:
        if run.failed:
            yield f"DAG {run.dag}: the latest run failed at {run.ended:{AT}} ({run.run_id})"


def of_books(path: Path, books: Books, stalled_seconds: int) -> Iterator[str]:
    """The records of a pipeline that are not where they should be, and those that wait for too long."""
    if path.difference > 0:
        yield f"{path.pipeline}: {_number(path.difference, 'record')} in Kafka and in no count of the job"
    if path.difference < 0:
        yield f"{path.pipeline}: {_number(-path.difference, 'record')} counted by the job and not in Kafka"
    for number, (end, processed) in books.lost.items():
        yield (
            f"{path.pipeline}: partition {number} of {path.topic} ends at offset {end}, but the job has processed "
            f"it up to {processed}: Kafka has lost records"
        )
    if books.missing:
        yield f"{path.pipeline}: {_number(books.missing, 'event')} acknowledged by the API and not in Kafka"
    if books.stalled > stalled_seconds:
        yield (
            f"{path.pipeline}: {_number(path.waiting, 'record')} waiting, none processed for "
            f"{_number(int(books.stalled // 60), 'minute')}; see eventmill jobs status"
        )


def _number(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
