"""Hosts one after another in an order that a seed gives, in place of threads: so that a death can be shown again.

Threads take their steps in another order each time, and what else had been done when the process died would be another
thing each time. One after another it is always the same; a second death in another order comes to what lies between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from random import Random
from types import ModuleType
from typing import Any, Self

import pytest

from windlass.effects.ssh import fan_out, pool
from windlass.operations.remediation import background, observe
from windlass.operations.rollout import gather


class InTurn:
    """The order of hosts; as they are given until `random` is set."""

    def __init__(self) -> None:
        self.random: Random | None = None

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Have it wherever an operation has threads that do not wait for each other."""
        threads: dict[tuple[ModuleType, str], Any] = {
            (fan_out, "worker_threads"): self._shuffled,
            (pool, "worker_threads"): _at_once,
            (gather, "worker_threads"): _at_once,
            (observe, "ThreadPoolExecutor"): _AtOnce,
            (background, "ThreadPoolExecutor"): _AtOnce,
        }
        for (module, name), instead in threads.items():
            patch.setattr(module, name, instead)

    @contextmanager
    def _shuffled(self, *_: object) -> Iterator[_Later]:
        later = _Later()
        yield later
        if self.random is not None:
            self.random.shuffle(later.calls)
        for call in later.calls:
            call()


class _AtOnce:
    """Does what it is given before it returns; what that raises, a death too, is the future's, as with threads."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def submit(self, act: Callable[..., Any], *given: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        _fulfil(future, partial(act, *given, **named))
        return future

    def map(self, act: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        return map(act, items)

    def shutdown(self, **_: object) -> None:
        """Have nothing left to do."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class _Later(_AtOnce):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Callable[[], None]] = []

    def submit(self, act: Callable[..., Any], *given: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.calls.append(partial(_fulfil, future, partial(act, *given, **named)))
        return future


@contextmanager
def _at_once(*_: object) -> Iterator[_AtOnce]:
    yield _AtOnce()


def _fulfil(future: Future[Any], act: Callable[[], Any]) -> None:
    try:
        future.set_result(act())
    except BaseException as error:  # noqa: BLE001 - as a pool's thread does it
        future.set_exception(error)
