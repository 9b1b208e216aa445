"""Airflow's LocalExecutor, whose workers end when the scheduler is gone.

Without this, the workers of a scheduler that was killed wait for ever: each holds the writing end of its own queue, so
that none sees the end of it. A worker that is busy finishes its task first.
"""

from __future__ import annotations

import os
from multiprocessing import Lock, Pipe
from typing import Any

from airflow.executors.local_executor import LocalExecutor as AirflowLocalExecutor

POLL_SECONDS = 2.0


class OwnedQueue:
    """A queue from one process to its children, which ends for them when that process has ended."""

    def __init__(self) -> None:
        self._reader, self._writer = Pipe(duplex=False)
        self._lock = Lock()
        self._owner = os.getpid()

    def put(self, item: Any) -> None:
        """Add an item; only the owner does."""
        self._writer.send(item)

    def get(self) -> Any:
        """Wait for the next item; only children do.

        Raises:
            EOFError: when the owner is gone.
        """
        while os.getppid() == self._owner:
            with self._lock:
                if self._reader.poll(POLL_SECONDS):
                    return self._reader.recv()
        raise EOFError

    def empty(self) -> bool:
        """True if no item waits."""
        return not self._reader.poll()

    def close(self) -> None:
        """Close both ends in this process."""
        self._reader.close()
        self._writer.close()


class LocalExecutor(AirflowLocalExecutor):  # type: ignore[misc]
    """Runs tasks in processes of this machine that outlive the scheduler by no more than their task."""

    activity_queue: Any

    def _spawn_worker(self) -> None:
        if not isinstance(self.activity_queue, OwnedQueue):
            self.activity_queue.close()
            self.activity_queue = OwnedQueue()
        super()._spawn_worker()
