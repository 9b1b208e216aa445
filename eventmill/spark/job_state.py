"""The state of each pipeline's continuous job, in files that its process keeps up to date and others read.

`jobs/<pipeline>.state` in the state folder says whether the job's queries run. Its process touches the file as long as
it lives and removes it when it is stopped, so a file that was not touched for a while tells of a process that died.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

import msgspec

from eventmill.config.atomic_files import staged
from eventmill.config.settings import Settings

SILENT_SECONDS = 30
"""The longest time between two signs of a process that lives."""

Value = Literal["running", "restarting", "failed"]
VALUES: tuple[Value, ...] = get_args(Value)
"""All values, from best to worst."""


class JobState(msgspec.Struct, frozen=True):
    """The state of a pipeline's continuous job.

    Attributes:
        pipeline: its name, such as `carts`.
        state: `running`; `restarting` while one of its queries, which failed, is paused or not yet through a batch;
            `failed` when its process ended with an error or without a word.
        since: from when on, in UTC.
        reason: one line, which names the query if it is not the main one; empty when the job runs.
        restarts: how often its queries were restarted since its process began.
    """

    pipeline: str
    state: Value
    since: datetime
    reason: str = ""
    restarts: int = 0


def read_states(settings: Settings, now: datetime | None = None) -> dict[str, JobState]:
    """The states of the jobs that were started and not stopped since, by pipeline; `now` is the time to judge by."""
    found = {}
    for path in sorted(_folder(settings).glob("*.state")):
        try:
            state, seen = msgspec.json.decode(path.read_bytes(), type=JobState), _touched(path)
        except FileNotFoundError:
            # The job was stopped meanwhile.
            continue
        found[state.pipeline] = _checked(state, seen, now or datetime.now(UTC))
    return found


def _checked(state: JobState, seen: datetime, now: datetime) -> JobState:
    """The state, or that the process gives no sign any more."""
    if state.state == "failed" or (now - seen).total_seconds() <= SILENT_SECONDS:
        return state
    reason = f"its process has given no sign since {seen:%Y-%m-%d %H:%M:%S} UTC"
    return msgspec.structs.replace(state, state="failed", since=seen, reason=reason)


def _touched(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _folder(settings: Settings) -> Path:
    return settings.state_dir / "jobs"


class StateFile:
    """The file of one pipeline, as the process of its job keeps it."""

    def __init__(self, settings: Settings, pipeline: str) -> None:
        self.path = _folder(settings) / f"{pipeline}.state"

    def write(self, state: JobState) -> None:
        """Replace the state in one step."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with staged(self.path) as file:
            file.write(msgspec.json.encode(state))

    def touch(self) -> None:
        """Show that the process lives."""
        self.path.touch()

    def remove(self) -> None:
        """Take the state away, for the job was stopped."""
        self.path.unlink(missing_ok=True)
