"""The executor's workers end with the scheduler, however it ends."""

import signal
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection, wait

from eventmill.airflow.local_executor import LocalExecutor, OwnedQueue

SECONDS = 30


def work(queue: OwnedQueue, results: Connection) -> None:
    """Report each item, and the end of the queue."""
    try:
        while True:
            results.send(queue.get())
    except EOFError:
        results.send("the owner is gone")


def own(results: Connection) -> None:
    """Give two children an item each and be killed."""
    queue = OwnedQueue()
    for _ in range(2):
        Process(target=work, args=(queue, results)).start()
    queue.put("task")
    queue.put("task")
    signal.pause()


def next_result(results: Connection) -> object:
    """What a child reports, within the time that a test may take."""
    assert wait([results], SECONDS)
    return results.recv()


def test_children_get_each_item_once_and_end_with_their_owner() -> None:
    results, reports = Pipe(duplex=False)
    owner = Process(target=own, args=(reports,))
    owner.start()
    assert [next_result(results), next_result(results)] == ["task", "task"]
    owner.kill()
    owner.join()
    assert [next_result(results), next_result(results)] == ["the owner is gone"] * 2


def test_the_configured_executor_is_ours() -> None:
    assert LocalExecutor.is_local
    executor = LocalExecutor(parallelism=1)
    executor.start()
    try:
        assert isinstance(executor.activity_queue, OwnedQueue)
        assert executor.activity_queue.empty()
        assert len(executor.workers) == 1
    finally:
        executor.end()
