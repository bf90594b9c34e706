"""Services for tests: a clock on which waiting takes no time, and services of which a test gives only some."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from windlass.effects.clock import Clock
from windlass.effects.store import Store
from windlass.operations.services import Services

BEGIN = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def quick_clock(begin: datetime = BEGIN) -> Clock:
    """Return a clock that stands still but where somebody sleeps, which takes no time."""
    slept, lock = 0.0, threading.Lock()

    def sleep(seconds: float) -> None:
        nonlocal slept
        with lock:
            slept += seconds

    return Clock(now=lambda: begin + timedelta(seconds=slept), monotonic=lambda: slept, sleep=sleep)


def services_of(store: Store, **given: Any) -> Services:
    """Return services with this store; what is not given fails when it is used."""
    absent = {name: _absent(name) for name in _NEEDED if name not in given}
    return Services(open_store=lambda: store, **{**absent, **given})


_NEEDED = (
    "open_bundle_store",
    "load_keys",
    "load_catalog",
    "release_tests",
    "artifacts",
    "connect",
    "provider",
    "authorities",
    "notify",
)


def _absent(name: str) -> Callable[..., NoReturn]:
    def fail(*_: object) -> NoReturn:
        raise AssertionError(f"the test has given no `{name}`")

    return fail
