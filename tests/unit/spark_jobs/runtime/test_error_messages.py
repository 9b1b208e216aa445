"""What ended a job, as one line."""

from __future__ import annotations

from spark_jobs.runtime.error_messages import LONGEST, reason_of
from spark_jobs.state.state_store import StateError


def test_a_foreseen_error_speaks_for_itself() -> None:
    assert reason_of(StateError("the state is missing")) == "the state is missing"


def test_of_a_java_stack_trace_the_first_line_and_the_root_cause_are_told() -> None:
    trace = "Job aborted.\n\tat a.B.c(B.java:1)\nCaused by: java.io.E: x\nCaused by: java.net.E: refused\n\tat d"
    assert reason_of(RuntimeError(trace)) == "Job aborted. (java.net.E: refused)"


def test_of_an_error_from_java_what_java_says_is_told() -> None:
    trace = "An error occurred while calling o8.start.\n: java.net.E: at h:1: refused\nCaused by: refused\n\tat d"
    assert reason_of(RuntimeError(trace)) == "java.net.E: at h:1: refused"


def test_it_is_one_line_and_not_too_long() -> None:
    line = reason_of(RuntimeError("a\tb " * 1000))
    assert "\n" not in line
    assert len(line) == LONGEST + 1


def test_an_error_without_words_is_named() -> None:
    assert reason_of(RuntimeError()) == "RuntimeError"


def test_no_control_character_of_an_event_is_left() -> None:
    assert reason_of(RuntimeError("source a\x1b[2J\u202eb: refused")) == r"source a\x1b[2J\u202eb: refused"
