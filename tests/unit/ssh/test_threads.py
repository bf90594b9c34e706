"""A host that hangs does not keep a task from being ended by its time limit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress

from windlass.effects.threads import worker_threads


class TaskEnded(BaseException):
    """As Airflow ends a task that takes too long."""


def submitted(work: Callable[[], object], then: Callable[[], None]) -> Future[object]:
    """Have a thread do `work`, and end the block by what `then` raises."""
    kept: list[Future[object]] = []
    with suppress(TaskEnded, ValueError), worker_threads(1, "test") as pool:
        kept.append(pool.submit(work))
        then()
    return kept[0]


def test_a_thread_that_hangs_is_left_behind_when_the_task_is_ended() -> None:
    hung = threading.Event()

    def end() -> None:
        raise TaskEnded

    left = submitted(hung.wait, end)
    assert not left.done()  # and yet the block has ended
    hung.set()


def test_whatever_else_ends_the_block_all_threads_are_waited_for() -> None:
    done = threading.Event()

    def fail() -> None:
        threading.Timer(0.05, done.set).start()
        raise ValueError

    assert submitted(done.wait, fail).done()
