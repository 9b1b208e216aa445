"""Asks the engines what `/` shows: all at a time, each in the background, so that none holds up the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from threading import Lock
from time import monotonic

import requests
from confluent_kafka import KafkaException

from api.overview import reasons
from api.overview.acknowledged import Acknowledged
from api.overview.background import Asked
from api.overview.dag_runs import DagRuns
from api.overview.ledger import Books, Done, Ledger
from api.overview.routes import Disk, Overview, Page, Path
from eventmill.config import web_links
from eventmill.config.disk import Reserve
from eventmill.config.settings import Settings
from eventmill.config.web_links import Link
from eventmill.kafka import topic_reader
from eventmill.lake import checkpoint_progress, committed_batches
from eventmill.spark import job_state

FRESH_SECONDS = 3.0
"""Seconds for which an answer is kept."""

ANSWER_SECONDS = 2.5
"""Time limits of HDFS, Airflow and the pages, and of Kafka after them."""

FIRST_SECONDS = 10.0
"""Seconds for Kafka's first answer, for which its dead letters are read from the beginning."""

PATIENCE_SECONDS = 20.0
"""Seconds for which Kafka's last answer holds while the next one is waited for: to read many records takes a while."""

SILENT = "gave no answer in time"

Told = tuple[Done, Books] | str
"""Kafka's counts of a pipeline beside those its job had committed then, or the reason why there are none."""


class Overviews:
    """Asks the engines; whoever comes soon after, or meanwhile, gets what they said last."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._asking = Lock()
        self._last: Overview | None = None
        self._until = 0.0
        self._pages = {link: Asked[bool]() for link in web_links.links(settings)}
        self._hdfs = {pipeline: Asked[Done]() for pipeline in settings.pipelines}
        self._kafka = Asked[dict[str, Told]]()
        self._told: dict[str, Told] = {}
        self._ledgers = {
            pipeline: Ledger(checkpoint_progress.topic(settings, pipeline)) for pipeline in settings.pipelines
        }
        self._acknowledged = Acknowledged(settings)
        self._runs = DagRuns(settings)
        self._reserve = Reserve.of(settings)

    def now(self) -> Overview:
        """The overview as of now, or of a few seconds ago."""
        if self._asking.acquire(blocking=self._last is None):
            try:
                if self._last is None or monotonic() > self._until:
                    self._last = self._look()
                    self._until = monotonic() + FRESH_SECONDS
            finally:
                self._asking.release()
        assert self._last is not None
        return self._last

    def _look(self) -> Overview:
        until = monotonic() + ANSWER_SECONDS
        self._begin()
        done, problems = self._processed(until)
        jobs = list(job_state.read_states(self._settings).values())
        paths = []
        # What Kafka holds is asked after what the jobs have processed of it.
        for pipeline, told in self._compared(done).items():
            if isinstance(told, str):
                problems.append(told)
            else:
                paths.append(self._path(pipeline, *told))
                problems += reasons.of_books(paths[-1], told[1], self._settings.stalled_seconds)
        pages = [self._page(link, until) for link in self._pages]
        runs, problem = self._runs.answer(until)
        full = filter(None, [self._reserve.explained()])
        found = [*full, *reasons.of_pages(pages), *reasons.of_jobs(jobs), *problems, *reasons.of_runs(runs), *problem]
        return Overview(pages, paths, jobs, runs, list(dict.fromkeys(found)), Disk(*self._reserve.tightest()))

    def _begin(self) -> None:
        """Ask all but Kafka."""
        for link, asked in self._pages.items():
            asked.begin(partial(_answers, link))
        for pipeline, processed in self._hdfs.items():
            processed.begin(partial(_processed, self._settings, pipeline))
        self._runs.begin()

    def _page(self, link: Link, until: float) -> Page:
        try:
            answers = self._pages[link].answer(until)
        except TimeoutError:
            answers = False
        return Page(link.name, link.about, link.address(self._settings), answers)

    def _processed(self, until: float) -> tuple[dict[str, Done], list[str]]:
        """Committed totals by pipeline, and the reasons where HDFS does not answer."""
        found, problems = {}, []
        for pipeline, asked in self._hdfs.items():
            try:
                found[pipeline] = asked.answer(until)
            except (TimeoutError, requests.Timeout):
                problems.append(f"HDFS {SILENT}")
            except requests.ConnectionError as error:
                problems.append(f"HDFS is away: {error}")
            except requests.RequestException as error:
                problems.append(f"{pipeline}: {error}")
        return found, problems

    def _compared(self, done: Mapping[str, Done]) -> dict[str, Told]:
        """The books of these pipelines; a sentence in place of those that Kafka does not tell."""
        self._kafka.begin(partial(self._compare, done))
        try:
            self._told = self._kafka.answer(monotonic() + (ANSWER_SECONDS if self._told else FIRST_SECONDS))
        except TimeoutError:
            if not self._told or self._kafka.seconds() > PATIENCE_SECONDS:
                return dict.fromkeys(done, f"Kafka {SILENT}")
        except KafkaException as error:
            return dict.fromkeys(done, f"Kafka is away: {error.args[0].str()}")
        return {pipeline: self._told[pipeline] for pipeline in done if pipeline in self._told}

    def _compare(self, done: Mapping[str, Done]) -> dict[str, Told]:
        # Before Kafka is asked, so that it must have at least as much.
        self._acknowledged.count()
        told: dict[str, Told] = {}
        with topic_reader.consumer(self._settings) as client:
            for pipeline, processed in done.items():
                try:
                    books, topic = self._ledgers[pipeline].compare(client, processed), self._ledgers[pipeline].topic
                    newest = partial(_newest, self._settings, topic)
                    missing = self._acknowledged.missing(topic, books.taken, newest)
                    told[pipeline] = (processed, replace(books, missing=missing))
                except topic_reader.TopicError as error:
                    told[pipeline] = f"{pipeline}: {error}"
        return told

    def _path(self, pipeline: str, done: Done, books: Books) -> Path:
        topic = self._ledgers[pipeline].topic
        return Path(
            pipeline=pipeline,
            topic=topic,
            accepted=done.records() + books.waiting + books.difference,
            **done.counts(),
            waiting=books.waiting,
            rejected_at_entry=dict(books.entry),
            difference=books.difference,
            unchecked=books.unchecked,
            acknowledged=self._acknowledged.of(topic),
        )


def _answers(link: Link) -> bool:
    try:
        answer = requests.get(link.asked(), timeout=ANSWER_SECONDS, allow_redirects=False)
    except requests.RequestException:
        return False
    return answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR


def _processed(settings: Settings, pipeline: str) -> Done:
    """Totals and end offsets of the newest committed batch of the pipeline's job."""
    batch = checkpoint_progress.newest_commit(settings, pipeline)
    if batch is None:
        return Done()
    ended = checkpoint_progress.offsets(settings, pipeline, checkpoint_progress.topic(settings, pipeline), batch)
    return Done(ended, committed_batches.batch_totals(settings, pipeline, batch))


def _newest(settings: Settings, topic: str) -> int:
    """All offsets that Kafka has given of a topic, those of open transactions too."""
    with topic_reader.consumer(settings, **{"isolation.level": "read_uncommitted"}) as client:
        return sum(held.end for held in topic_reader.offset_ranges(client, topic).values())
