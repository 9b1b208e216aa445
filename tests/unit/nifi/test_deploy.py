"""What deploying compares, without a NiFi."""

from __future__ import annotations

import copy

import pytest
from nipyapi import nifi

from nifi.deploy import _config, _differs
from nifi.flow import Processor

STEP = Processor("Publish", "PublishKafka", {"Topic Name": "clicks"}, (0, 0), end=("success",), retry=("failure",))


def test_a_processor_as_the_flow_has_it_is_left_alone() -> None:
    there = _config(STEP)
    there.properties = there.properties | {"Something else": "a default"}
    assert not _differs(there, _config(STEP))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("properties", {"Topic Name": "other"}),
        ("scheduling_period", "1 day"),
        ("auto_terminated_relationships", ["success"]),
        ("retried_relationships", []),
        ("backoff_mechanism", "YIELD_PROCESSOR"),
    ],
)
def test_a_processor_that_was_changed_is_set_again(name: str, value: object) -> None:
    there = copy.deepcopy(_config(STEP))
    setattr(there, name, value)
    assert _differs(there, _config(STEP))


def test_a_step_in_order_holds_up_its_queue() -> None:
    ordered = Processor("Publish", "PublishKafka", {}, (0, 0), retry=("failure",), in_order=True)
    assert isinstance(_config(ordered), nifi.ProcessorConfigDTO)
    assert _config(ordered).backoff_mechanism == "YIELD_PROCESSOR"
    assert _config(STEP).backoff_mechanism == "PENALIZE_FLOWFILE"
