"""The flow of the clicks."""

from __future__ import annotations

import os

import pytest

from nifi import clicks
from nifi.flow import Flow
from tests.support import settings


def flow(**values: object) -> Flow:
    return clicks.flow(settings(**values))


def properties(flow: Flow, name: str) -> dict[str, str]:
    return next(step.properties for step in flow.steps if step.name == name)


def test_every_step_has_a_name_and_a_place_of_its_own() -> None:
    steps = flow().steps
    assert len({step.name for step in steps}) == len({step.place for step in steps}) == len(steps)


def test_links_join_steps_that_exist() -> None:
    names = {step.name for step in flow().steps}
    assert {end for link in clicks.LINKS for end in (link.source, link.target)} == names


def test_files_come_in_at_one_place() -> None:
    assert flow().sources == ("Take files",)


def test_a_failure_is_never_the_end_of_a_flowfile() -> None:
    for step in flow().steps:
        assert not set(step.end) - {"success", "original"}


def test_only_what_kafka_has_is_done_with() -> None:
    done = {step.name for step in flow().steps if "success" in step.end}
    assert done == {"Publish", "Publish rejected"}
    assert all(step.in_order for step in flow().steps if step.name in done)


def test_topics_come_from_the_settings() -> None:
    made = flow(clicks_topic="views")
    assert properties(made, "Publish")["Topic Name"] == "views"
    assert properties(made, "Publish rejected")["Topic Name"] == "views.rejected"


@pytest.mark.parametrize(("rate", "part"), [(0, 10_000), (1, 1), (5, 1), (50, 2), (1_000, 40)])
def test_the_rate_decides_how_records_are_split(rate: int, part: int) -> None:
    made = flow(clicks_rate=rate)
    assert properties(made, "Split to the rate")["Line Split Count"] == str(part)
    assert properties(made, "Control rate")["Maximum Rate"] == str(rate or clicks.NO_LIMIT)


def test_the_flow_holds_nothing_of_the_machine() -> None:
    values = [value for step in flow(state_dir="/elsewhere").steps for value in step.properties.values()]
    assert not [value for value in values if "/elsewhere" in value or os.sep + "home" in value or "127.0.0.1" in value]
