"""One thing done on many hosts at once, with every host's result."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from windlass.effects.threads import worker_threads
from windlass.errors import IntegrityError, NotReadyError, RefusedError, UnreachableError, WindlassError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

DEFAULT_WORKERS = 32


@dataclass(frozen=True)
class HostOutcome(Generic[V]):
    """What came of one host: a value, or the error that was raised."""

    value: V | None = None
    error: Exception | None = None

    @property
    def is_ok(self) -> bool:
        """Whether there is a value."""
        return self.error is None

    def get(self) -> V:
        """Give the value or raise the error."""
        if self.error is not None:
            raise self.error
        return cast("V", self.value)


def fan_out(items: Iterable[K], fn: Callable[[K], V], *, max_workers: int = DEFAULT_WORKERS) -> dict[K, HostOutcome[V]]:
    """Call `fn` with each item, at most `max_workers` at a time, and wait for all; in the order of the items.

    One that raises hides none of the others. Each call sees the caller's context variables.
    """
    unique = list(dict.fromkeys(items))
    if not unique:
        return {}
    with worker_threads(min(max_workers, len(unique)), "windlass-fan-out") as pool:
        futures = {item: pool.submit(contextvars.copy_context().run, fn, item) for item in unique}
    return {item: _outcome(future) for item, future in futures.items()}


def values(outcomes: Mapping[K, HostOutcome[V]], doing: str) -> dict[K, V]:
    """Give every value, or raise one error that names each host that failed at `doing` and why.

    The error has the type that all failures share, so that only what is transient everywhere is tried again.
    """
    errors = {item: outcome.error for item, outcome in outcomes.items() if outcome.error is not None}
    if not errors:
        return {item: outcome.get() for item, outcome in outcomes.items()}
    reasons = "\n".join(f"  {_named(item, error)}" for item, error in errors.items())
    message = f"{doing} failed on {len(errors)} of {len(outcomes)} hosts:\n{reasons}"
    raise _shared_type(errors.values())(message) from ExceptionGroup(doing, list(errors.values()))


def on_each(items: Iterable[K], fn: Callable[[K], V], *, doing: str, max_workers: int = DEFAULT_WORKERS) -> dict[K, V]:
    """Call `fn` with each item side by side and give every value, or raise one error that names each that failed."""
    return values(fan_out(items, fn, max_workers=max_workers), doing)


def _outcome(future: Future[V]) -> HostOutcome[V]:
    error = future.exception()
    if error is None:
        return HostOutcome(value=future.result())
    if isinstance(error, Exception):
        return HostOutcome(error=error)
    raise error


def _named(item: Hashable, error: Exception) -> str:
    text = str(error) if isinstance(error, WindlassError) else f"{type(error).__name__}: {error}"
    return text if text.startswith((f"{item}:", f"{item} ")) else f"{item}: {text}"


def _shared_type(errors: Iterable[Exception]) -> type[WindlassError]:
    kinds = {type(error) for error in errors}
    for kind in (NotReadyError, UnreachableError, RefusedError, IntegrityError):
        if kinds == {kind}:
            return kind
    return WindlassError
