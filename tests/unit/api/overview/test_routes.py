"""The page at `/` and what it asks for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import jsonschema
from flask.testing import FlaskClient

from api.auth import Keys
from api.openapi import description
from api.openapi.parts import REF
from api.overview.routes import Overview, Page, Path, overview
from api.pages import create_app
from eventmill.airflow.rest_client import Run
from eventmill.config.api_keys import key_digest
from eventmill.spark.job_state import JobState
from tests.support import settings

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEEN = Overview(
    [Page("NiFi", "the flow", "http://127.0.0.1:8088/nifi/", True)],
    [Path("game", "events", 9, 4, 3, 0, 0, 2, {"api": 3}, 0, 0, 5)],
    [JobState("game", "failed", NOON, "no", 2)],
    [Run("game_report", "scheduled__1", False, NOON)],
    ["game: the job is failed"],
)


def client(**values: Any) -> FlaskClient:
    return create_app([overview(lambda: SEEN, Keys(settings(**values)))], lambda: None, {}).test_client()


def test_the_page_and_its_files_are_there_and_hardened() -> None:
    for path in ("/", "/overview.js", "/overview.css"):
        with client().get(path) as answer:
            assert (answer.status_code, answer.headers["X-Content-Type-Options"]) == (200, "nosniff")


def test_the_answer_is_as_described() -> None:
    schema = {"$ref": REF.format(name="Overview"), "components": description.description(settings())["components"]}
    answer = client().get("/v1/overview")
    jsonschema.Draft202012Validator(schema).validate(answer.get_json())
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.get_json()["lines"][0]["waiting"] == 2
    assert answer.get_json()["dags"][0]["dag"] == "game_report"
    assert answer.get_json()["reasons"] == ["game: the job is failed"]


def test_where_keys_are_set_one_is_needed() -> None:
    keyed = client(api_keys=f"shop:{key_digest('secret')}")
    assert keyed.get("/v1/overview").status_code == 401
    assert keyed.get("/v1/overview", headers={"X-API-Key": "secret"}).status_code == 200
