"""The console's page, and the route that it asks: cursor, keys, problems and headers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient

from api.auth import Keys
from api.console import cursor
from api.console.cursor import Positions, TopicPosition
from api.console.event_view import Seen
from api.console.routes import console
from api.console.topic_reader import Helping
from api.http.problems import MEDIA_TYPE, ProblemError
from api.openapi import description
from api.openapi.examples import EXAMPLES
from api.openapi.parts import REF
from api.pages import create_app
from eventmill.config.api_keys import key_digest
from eventmill.kafka import topics
from tests.support import settings
from tests.unit.api.support import Api

GOOD = Seen("clicks", 1, 7, 1767225600123, 2, "{}", key="user-78")
BAD = Seen("clicks", 0, 3, 1767225600124, 1, "{", reason="broken off at byte 1", kind="broken off")
AFTER = {TopicPosition("clicks", 1): 8, TopicPosition("clicks.rejected", 0): 4}


class Service:
    """A console whose topics hold two events; the positions that were asked for are kept."""

    def __init__(self, **values: Any) -> None:
        self.asked: list[Positions] = []
        self.problem: ProblemError | None = None
        blueprint = console(self._read, ["clicks"], Keys(settings(**values)))
        self.client: FlaskClient = create_app([blueprint], lambda: None, {}).test_client()

    def _read(self, positions: Positions) -> Helping:
        if self.problem:
            raise self.problem
        self.asked.append(positions)
        return Helping([GOOD, BAD], AFTER, 5)


@pytest.fixture
def service() -> Service:
    """One that needs no key."""
    return Service()


def test_events_come_with_a_cursor_for_those_that_follow(service: Service) -> None:
    shown = service.client.get("/v1/console").get_json()
    assert (shown["behind"], shown["topics"]) == (5, ["clicks"])
    assert [event.get("reason") for event in shown["events"]] == [None, "broken off at byte 1"]
    service.client.get("/v1/console", query_string={"cursor": shown["cursor"]})
    assert service.asked == [{}, AFTER]


def test_the_answer_is_as_described(service: Service) -> None:
    schema = {
        "$ref": REF.format(name="Shown"),
        "components": description.description(settings())["components"],
    }
    jsonschema.Draft202012Validator(schema).validate(service.client.get("/v1/console").get_json())


def test_an_answer_is_kept_by_nobody(service: Service) -> None:
    headers = service.client.get("/v1/console").headers
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


@pytest.mark.parametrize("query", ["cursor=", "cursor=%00", "cursor=W10", "cursor=e30&cursor=e30"])
def test_a_broken_cursor_is_told(service: Service, query: str) -> None:
    reply = service.client.get(f"/v1/console?{query}")
    assert (reply.status_code, reply.content_type) == (400, MEDIA_TYPE)
    assert service.asked == []


def test_kafka_that_is_away_is_told(service: Service) -> None:
    service.problem = ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "Kafka is away", {"Retry-After": "2"})
    reply = service.client.get("/v1/console")
    assert (reply.status_code, reply.content_type, reply.headers["Retry-After"]) == (503, MEDIA_TYPE, "2")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"X-API-Key": "guess"}, 403),
        ({"X-API-Key": "s3cret"}, 200),
        ({"Authorization": "Bearer s3cret"}, 200),
    ],
)
def test_a_key_is_needed_where_keys_are_set(headers: dict[str, str], status: int) -> None:
    service = Service(api_keys=f"shop:{key_digest('s3cret')}")
    assert service.client.get("/v1/console", headers=headers).status_code == status
    assert len(service.asked) == (status == 200)


def test_the_page_itself_needs_no_key() -> None:
    with Service(api_keys=f"shop:{key_digest('s3cret')}").client.get("/console/") as page:
        assert page.status_code == 200


def test_other_methods_are_refused(service: Service) -> None:
    reply = service.client.post("/v1/console")
    assert (reply.status_code, reply.content_type) == (405, MEDIA_TYPE)
    assert "GET" in reply.headers["Allow"]


@pytest.mark.parametrize(
    ("path", "media_type"),
    [("/console", "text/html"), ("/console/console.js", "text/javascript"), ("/console/console.css", "text/css")],
)
def test_the_page_and_its_files_are_served(service: Service, path: str, media_type: str) -> None:
    with service.client.get(path, follow_redirects=True) as reply:
        assert (reply.status_code, reply.mimetype) == (200, media_type)
        assert "default-src 'none'" in reply.headers["Content-Security-Policy"]


def test_no_other_file_is_served(service: Service) -> None:
    assert service.client.get("/console/docs.html").status_code == 404


def test_the_page_has_nothing_inline_and_nothing_of_others(service: Service) -> None:
    with service.client.get("/console/") as page:
        html = page.get_data(as_text=True)
    assert "<style" not in html
    assert "style=" not in html
    assert "://" not in html
    assert '<script type="module" src="console.js"></script>' in html
    assert html.count("<script") == 1


def test_the_script_makes_no_html_of_text(service: Service) -> None:
    with service.client.get("/console/console.js") as reply:
        script = reply.get_data(as_text=True)
        assert not [word for word in ("innerHTML", "outerHTML", "insertAdjacent", "eval(", "local") if word in script]


def test_a_cursor_is_as_described() -> None:
    [parameter] = description.description(settings())["paths"]["/v1/console"]["get"]["parameters"]
    jsonschema.validate(cursor.encode_cursor(AFTER), parameter["schema"])


def test_there_is_an_example_of_every_type() -> None:
    assert EXAMPLES.keys() == topics.collected(settings()).keys()


@pytest.mark.parametrize("kind", EXAMPLES)
def test_an_example_is_accepted(kind: str) -> None:
    assert Api().send(EXAMPLES[kind], kind=kind).status == 202
