"""The descriptions of the routes and the topics say what the contracts say."""

from __future__ import annotations

import jsonschema
import pytest

from api.openapi import asyncapi, description
from api.openapi.parts import REF
from api.pages import create_app
from eventmill.config.settings import Settings
from eventmill.kafka import topics
from tests.support import settings
from tests.unit.api.support import Api, told, view


def validator(name: str) -> jsonschema.Draft202012Validator:
    """Checks values by a schema of the OpenAPI description."""
    schema = {"$ref": REF.format(name=name), "components": description.description(settings())["components"]}
    return jsonschema.Draft202012Validator(schema)


def test_every_type_of_events_has_a_route() -> None:
    paths = description.description(settings())["paths"]
    kinds = topics.collected(settings())
    assert [path for path in paths if path.startswith("/v1/events/")] == [f"/v1/events/{kind}" for kind in kinds]


def test_every_schema_is_sound() -> None:
    for schema in description.description(settings())["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_identity_and_time_may_be_left_out_of_what_is_sent() -> None:
    assert validator("ProductViewSent").is_valid(view())
    assert not validator("ProductView").is_valid(view())


@pytest.mark.parametrize("body", [[view(), view(userid=None)], view()])
def test_what_is_answered_is_what_is_described(body: object) -> None:
    validator("Accepted").validate(told(Api().send(body)))


@pytest.mark.parametrize("body", [b"", b"{", [view(userid=None)]])
def test_problems_are_as_described(body: object) -> None:
    validator("Problem").validate(told(Api().send(body)))


def test_the_document_of_the_topics_is_up_to_date() -> None:
    assert asyncapi.FILE.read_text(encoding="utf-8") == asyncapi.as_yaml(), "run: python -m api.openapi.asyncapi"


def test_the_document_of_the_topics_has_every_topic() -> None:
    described = asyncapi.asyncapi_description(Settings.model_construct())
    assert set(described["channels"]) == set(topics.names(settings()))


def test_pages_are_served_with_their_files() -> None:
    client = create_app([], lambda: None, description.description(settings())).test_client()
    assert client.get("/openapi.json").json == description.description(settings())
    with client.get("/docs", follow_redirects=True) as page:
        assert b"swagger-ui-bundle.js" in page.data
    for file in ("swagger-ui-bundle.js", "swagger-ui.css"):
        with client.get(f"/docs/{file}") as reply:
            assert reply.status_code == 200


def test_readiness_tells_what_is_missing() -> None:
    for missing, status in ((None, 200), ("Kafka is away", 503)):
        reply = create_app([], lambda: missing, {}).test_client().get("/readyz")  # noqa: B023 - called at once
        assert reply.status_code == status
        assert missing is None or missing in reply.text


def test_numbers_are_there_for_prometheus() -> None:
    Api().send(view())
    numbers = create_app([], lambda: None, {}).test_client().get("/metrics").text
    assert 'eventmill_api_events_total{outcome="accepted",type="ProductView"}' in numbers
