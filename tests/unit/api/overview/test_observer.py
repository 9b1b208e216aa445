"""How the engines are asked, how often, and what is said of those that are away or hang."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path as File
from threading import Event
from time import monotonic
from typing import Any

import pytest
import requests
from confluent_kafka import KafkaError, KafkaException

from api import metrics
from api.overview import observer, stack_metrics
from api.overview.observer import Overviews
from api.overview.routes import Disk, Overview, Path
from eventmill.airflow.rest_client import Airflow, Run
from eventmill.config.disk import MB, Reserve, Space
from eventmill.config.settings import Settings
from eventmill.kafka import dead_letters, topic_reader, topics
from eventmill.lake import checkpoint_progress, webhdfs
from eventmill.spark import job_state
from eventmill.spark.job_state import JobState
from tests.support import settings
from tests.unit.api.kafka_topics import Consumer, Topics

TOTALS = {"records": 10, "stored": 7, "rejected": 1, "late": 1, "duplicates": 2, "final": 3}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Engines(Topics):
    """Kafka and HDFS with one batch of the clicks, and pages of which NiFi's is away."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.kafka_away = False
        self.hdfs: Exception | None = None
        self.hangs = ""
        self.release = Event()
        self.runs: list[Run] = []

    @contextmanager
    def consumer(self, _: Settings, **_more: Any) -> Iterator[Consumer]:
        """A client of Kafka."""
        self.asked += 1
        if self.kafka_away:
            raise KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN))
        yield Consumer(self)

    def newest_commit(self, _: object, pipeline: str) -> int | None:
        """Only the clicks have a batch."""
        if pipeline == self.hangs:
            self.release.wait(60)
        if self.hdfs:
            raise self.hdfs
        return 5 if pipeline == "clicks" else None

    def read_json(self, _: object, path: str) -> Any:
        """The state of that batch."""
        assert path == "/eventmill/clicks/state/5/state.json"
        return {"totals": TOTALS}

    def get(self, address: str, **_: object) -> requests.Response:
        """What a page answers."""
        answer = requests.Response()
        answer.status_code = 302
        if "/nifi/" in address:
            raise requests.ConnectionError("refused")
        return answer


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engines]:
    """They answer instead of the real ones."""
    made = Engines()
    for topic in ("clicks", "events", "user-actions", "orders", "page-logs"):
        made.put(topic, 8, 7)
        made.put(topics.rejected(topic), 0)
    monkeypatch.setattr(topic_reader, "consumer", made.consumer)
    monkeypatch.setattr(checkpoint_progress, "newest_commit", made.newest_commit)
    monkeypatch.setattr(checkpoint_progress, "offsets", lambda *_: {0: 8, 1: 3})
    monkeypatch.setattr(webhdfs, "read_json", made.read_json)
    monkeypatch.setattr(requests, "get", made.get)
    # What the tests of the API count in this process is not of these engines.
    monkeypatch.setattr(metrics, "prometheus_text", lambda: b"")
    monkeypatch.setattr(Airflow, "latest", lambda _: iter(made.runs))
    yield made
    made.release.set()


def look(tmp_path: File, **values: Any) -> Overview:
    return Overviews(settings(state_dir=tmp_path, **values)).now()


def test_each_record_of_a_pipeline_is_somewhere(engines: Engines, tmp_path: File) -> None:
    engines.reject("events", dead_letters.API, 1)
    clicks, game = look(tmp_path, enabled_pipelines="clicks,game").pipelines
    assert clicks == Path("clicks", "clicks", 15, 7, 1, 1, 2, 4)
    assert game == Path("game", "events", 15, 0, 0, 0, 0, 15, {"api": 1})


def test_a_difference_is_red(engines: Engines, tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOTALS, "stored", 6)
    seen = look(tmp_path, enabled_pipelines="clicks")
    assert (seen.pipelines[0].accepted, seen.pipelines[0].difference) == (15, 1)
    assert "clicks: 1 record in Kafka and in no count of the job" in seen.reasons


def test_a_page_that_is_away_is_said(engines: Engines, tmp_path: File) -> None:
    seen = look(tmp_path)
    assert [page.name for page in seen.pages if not page.answers] == ["NiFi"]
    assert seen.reasons == ["NiFi does not answer"]


def test_engines_that_are_away_are_said_once(engines: Engines, tmp_path: File) -> None:
    engines.hdfs = requests.ConnectionError("refused")
    seen = look(tmp_path)
    assert (seen.pipelines, seen.reasons) == ([], ["NiFi does not answer", "HDFS is away: refused"])
    engines.hdfs, engines.kafka_away = None, True
    seen = look(tmp_path)
    assert seen.pipelines == []
    assert len(seen.reasons) == 2
    assert seen.reasons[1].startswith("Kafka is away: ")


def test_a_pipeline_that_lacks_something_hides_no_other(engines: Engines, tmp_path: File) -> None:
    del engines.partitions["events"]
    seen = look(tmp_path, enabled_pipelines="clicks,game")
    assert [path.pipeline for path in seen.pipelines] == ["clicks"]
    assert any(reason.startswith("game: there is no topic 'events'") for reason in seen.reasons)


def test_a_namenode_that_hangs_holds_up_nobody(
    engines: Engines, tmp_path: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "ANSWER_SECONDS", 0.2)
    engines.hangs = "game"
    begun = monotonic()
    seen = look(tmp_path, enabled_pipelines="clicks,game")
    assert monotonic() - begun < 10
    assert "HDFS gave no answer in time" in seen.reasons


def test_while_kafka_is_slow_its_last_answer_holds_and_then_it_is_red(
    engines: Engines, tmp_path: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "FRESH_SECONDS", -1.0)
    overviews = Overviews(settings(state_dir=tmp_path, enabled_pipelines="clicks"))
    before = overviews.now().pipelines
    monkeypatch.setattr(observer, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(topic_reader, "offset_ranges", lambda *_: engines.release.wait(60))
    seen = overviews.now()
    assert (seen.pipelines, seen.reasons) == (before, ["NiFi does not answer"])
    monkeypatch.setattr(observer, "PATIENCE_SECONDS", 0.0)
    assert "Kafka gave no answer in time" in overviews.now().reasons


def test_kafkas_first_answer_may_take_longer_however_late_it_is_asked_for(
    engines: Engines, tmp_path: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    overviews = Overviews(settings(state_dir=tmp_path, enabled_pipelines="clicks"))
    monkeypatch.setattr(observer, "ANSWER_SECONDS", 0.2)
    # As long after the start as the last answer would hold.
    monkeypatch.setattr(observer, "PATIENCE_SECONDS", 0.0)
    bounds = topic_reader.offset_ranges
    monkeypatch.setattr(topic_reader, "offset_ranges", lambda *asked: (engines.release.wait(0.5), bounds(*asked))[1])
    assert [(path.pipeline, path.waiting) for path in overviews.now().pipelines] == [("clicks", 4)]
    monkeypatch.setattr(observer, "FIRST_SECONDS", 0.2)
    late = Overviews(settings(state_dir=tmp_path, enabled_pipelines="clicks")).now()
    assert "Kafka gave no answer in time" in late.reasons


def test_a_disk_that_is_nearly_full_is_red_and_the_metrics_tell_its_size(
    engines: Engines, tmp_path: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reserve, "tightest", lambda _: Space(free=7 * MB, size=9_000 * MB, reserve=100 * MB))
    (tmp_path / "kafka").mkdir()
    seen = look(tmp_path)
    assert seen.reasons[0].startswith(f"the disk of {tmp_path} is nearly full: 7 MB are free")
    assert seen.reasons[0].endswith("Most is taken by kafka (0 MB)")
    assert seen.disk == Disk(7 * MB, 9_000 * MB, 100 * MB)
    assert b"eventmill_disk_free_bytes 7.340032e+06" in stack_metrics.stack_metrics_text(seen)


def test_a_job_that_fails_is_red_with_its_reason(engines: Engines, tmp_path: File) -> None:
    failing = JobState("clicks", "failed", NOON, "MySQL refuses <b>[/b]", 2)
    job_state.StateFile(settings(state_dir=tmp_path), "clicks").write(failing)
    seen = look(tmp_path)
    assert seen.jobs == [failing]
    assert "clicks: the job is failed since 2026-03-01 12:00:00 UTC (2 restarts): MySQL refuses <b>[/b]" in seen.reasons


def test_a_dag_whose_latest_run_failed_is_red(engines: Engines, tmp_path: File) -> None:
    engines.runs = [Run("orders_warehouse", "r1", True, NOON), Run("compaction", "r2", False, NOON)]
    seen = look(tmp_path)
    assert seen.dags == engines.runs
    assert "DAG orders_warehouse: the latest run failed at 2026-03-01 12:00:00 UTC (r1)" in seen.reasons


def test_an_airflow_that_is_away_or_refuses_hides_nothing_else(
    engines: Engines, tmp_path: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, reasons in ((requests.ConnectionError(), []), (requests.HTTPError("401"), ["401"])):

        def fail(_: Airflow, error: Exception = error) -> Iterator[Run]:
            raise error

        monkeypatch.setattr(Airflow, "latest", fail)
        seen = look(tmp_path)
        assert len(seen.pipelines) == 5
        assert [reason for reason in seen.reasons if "401" in reason or "Airflow" in reason] == [
            f"Airflow does not tell of its runs: {reason}" for reason in reasons
        ]


def test_many_who_look_ask_the_engines_once(engines: Engines, tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    overviews, moment = Overviews(settings(state_dir=tmp_path)), [monotonic()]
    monkeypatch.setattr(observer, "monotonic", lambda: moment[0])
    assert [len(overviews.now().pipelines) for _ in range(5)] == [5] * 5
    assert engines.asked == 1
    moment[0] += observer.FRESH_SECONDS + 1
    overviews.now()
    assert engines.asked == 2


def test_prometheus_gets_the_same_numbers(engines: Engines, tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOTALS, "stored", 6)
    engines.reject("clicks", dead_letters.NIFI, 1)
    engines.runs = [Run("orders_warehouse", "r1", True, NOON)]
    job_state.StateFile(settings(state_dir=tmp_path), "clicks").write(JobState("clicks", "failed", NOON, "no", 2))
    seen = look(tmp_path, enabled_pipelines="clicks")
    text = stack_metrics.stack_metrics_text(seen).decode()
    for pipeline in (
        'eventmill_pipeline_records{outcome="accepted",pipeline="clicks"} 15.0',
        'eventmill_pipeline_records{outcome="waiting",pipeline="clicks"} 4.0',
        'eventmill_pipeline_rejected_at_entry{door="nifi",pipeline="clicks"} 1.0',
        'eventmill_pipeline_difference{pipeline="clicks"} 1.0',
        'eventmill_job_state{pipeline="clicks",state="failed"} 1.0',
        'eventmill_job_state{pipeline="clicks",state="running"} 0.0',
        'eventmill_job_restarts{pipeline="clicks"} 2.0',
        'eventmill_dag_failed{dag="orders_warehouse"} 1.0',
        'eventmill_page_up{page="NiFi"} 0.0',
        f"eventmill_problems {len(seen.reasons)}.0",
    ):
        assert f"{pipeline}\n" in text
