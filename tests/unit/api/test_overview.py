"""The page of all pages: what it asks for, how often the engines are asked, and what is said of those that are away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jsonschema
import pytest
import requests
from confluent_kafka import KafkaError, KafkaException
from flask.testing import FlaskClient

from api import openapi
from api import overview as module
from api.describing import REF
from api.keys import Keys
from api.overview import Overview, Overviews, Page, Path, overview
from api.pages import create_app
from eventmill import progress, reader, webhdfs
from eventmill.keys import digest
from eventmill.reader import Bounds
from tests.support import settings

SEEN = Overview(
    [Page("NiFi", "the flow", "http://127.0.0.1:8088/nifi/", True)], [Path("game", "events", 9, 4, 3, 0, 0, 2)]
)
TOTALS = {"records": 10, "stored": 6, "rejected": 1, "late": 1, "duplicates": 2, "final": 3}


def client(**values: Any) -> FlaskClient:
    return create_app([overview(lambda: SEEN, Keys(settings(**values)))], lambda: None, {}).test_client()


def test_the_page_and_its_files_are_there_and_hardened() -> None:
    for path in ("/", "/overview.js", "/overview.css"):
        with client().get(path) as answer:
            assert (answer.status_code, answer.headers["X-Content-Type-Options"]) == (200, "nosniff")


def test_the_answer_is_as_described() -> None:
    schema = {"$ref": REF.format(name="Overview"), "components": openapi.description(settings())["components"]}
    answer = client().get("/v1/overview")
    jsonschema.Draft202012Validator(schema).validate(answer.get_json())
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.get_json()["lines"][0]["waiting"] == 2


def test_where_keys_are_set_one_is_needed() -> None:
    keyed = client(api_keys=f"shop:{digest('secret')}")
    assert keyed.get("/v1/overview").status_code == 401
    assert keyed.get("/v1/overview", headers={"X-API-Key": "secret"}).status_code == 200


class Engines:
    """Kafka and HDFS with one batch of each line, and pages of which NiFi's is away."""

    def __init__(self) -> None:
        self.asked = 0
        self.kafka_away = self.hdfs_away = False
        self.missing = ""

    @contextmanager
    def consumer(self, _: object) -> Iterator[object]:
        """A client of Kafka."""
        self.asked += 1
        if self.kafka_away:
            raise KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN))
        yield object()

    def bounds(self, _client: object, topic: str) -> dict[int, Bounds]:
        """What each topic holds."""
        if topic == self.missing:
            raise reader.TopicError(f"there is no topic {topic}")
        return {0: Bounds(0, 8), 1: Bounds(0, 7)}

    def newest_commit(self, _: object, line: str) -> int | None:
        """Only the clicks have a batch."""
        if self.hdfs_away:
            raise requests.ConnectionError("refused")
        return 5 if line == "clicks" else None

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
def engines(monkeypatch: pytest.MonkeyPatch) -> Engines:
    """They answer instead of the real ones."""
    made = Engines()
    monkeypatch.setattr(reader, "consumer", made.consumer)
    monkeypatch.setattr(reader, "bounds", made.bounds)
    monkeypatch.setattr(progress, "newest_commit", made.newest_commit)
    monkeypatch.setattr(progress, "offsets", lambda *_: {0: 8, 1: 3})
    monkeypatch.setattr(webhdfs, "read_json", made.read_json)
    monkeypatch.setattr(requests, "get", made.get)
    return made


def test_each_record_of_a_line_is_somewhere(engines: Engines) -> None:
    clicks, game = Overviews(settings(enabled_lines="clicks,game")).now().lines
    assert clicks == Path("clicks", "clicks", 14, 6, 1, 1, 2, 4)
    assert game == Path("game", "events", 15, 0, 0, 0, 0, 15)


def test_a_page_that_is_away_is_told(engines: Engines) -> None:
    pages = {page.name: page.answers for page in Overviews(settings()).now().pages}
    assert [name for name, answers in pages.items() if not answers] == ["NiFi"]


def test_engines_that_are_away_are_told(engines: Engines) -> None:
    engines.hdfs_away = True
    seen = Overviews(settings()).now()
    assert (seen.lines, seen.problem) == ([], "HDFS is away: refused")
    engines.kafka_away = True
    assert str(Overviews(settings()).now().problem).startswith("Kafka is away: ")


def test_a_line_that_lacks_something_hides_no_other(engines: Engines) -> None:
    engines.missing = "events"
    seen = Overviews(settings(enabled_lines="clicks,game")).now()
    assert [path.line for path in seen.lines] == ["clicks"]
    assert seen.problem == "game: there is no topic events"


def test_many_who_look_ask_the_engines_once(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    overviews, moment = Overviews(settings()), [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: moment[0])
    assert [overviews.now().problem for _ in range(5)] == [None] * 5
    assert engines.asked == 1
    moment[0] += module.FRESH_SECONDS + 1
    overviews.now()
    assert engines.asked == 2
