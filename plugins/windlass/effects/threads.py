"""Threads that work for one task, and do not keep it from being ended."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def worker_threads(count: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """Give a pool of `count` threads, which have ended when the block has.

    Unless the block is ended from outside: Airflow does so with a task that takes too long, by an exception that is no
    `Exception`. Then a thread that hangs is left behind, and ends with the task's process.
    """
    pool = ThreadPoolExecutor(count, thread_name_prefix=name)
    try:
        yield pool
    except Exception:
        pool.shutdown()
        raise
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
