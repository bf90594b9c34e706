"""The one door through which changes go to a host: each is sent with the counter of the lease that it is done under."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from windlass.domain.scripts.fence import overtaken_by, refusal

_ROUNDS = 3
"""How often a change is sent again with a higher counter; more often only a host refuses that makes up its counter."""


class ChangeGuard(Protocol):
    """Says whether changes may be made, and numbers them. Safe to use from several threads."""

    def check(self) -> None:
        """Raise LostLeaseError if nothing may be changed any more."""

    def counter(self) -> int:
        """Return the number that a change is sent with; LostLeaseError if nothing may be changed any more."""

    def surpass(self, host: str, seen: int) -> None:
        """Have a higher counter than a host has seen; LostLeaseError if another run has it by right."""


class Ended(Protocol):
    """How a command ended."""

    @property
    def exit_code(self) -> int:
        """Its exit code."""

    @property
    def stderr(self) -> str:
        """What it printed there."""


R = TypeVar("R", bound=Ended)


def send_change(host: str, guard: ChangeGuard | None, send: Callable[[int | None], R]) -> R:
    """Return how a change ended that was sent with a counter; without a guard it has none.

    A host that has seen a higher one has not begun with it, so that it may be sent again. LostLeaseError if another run
    has taken over, RefusedError where the host keeps no counter.
    """
    if guard is None:
        return send(None)
    counter, seen = 0, None
    for _ in range(_ROUNDS):
        counter = guard.counter()
        result = send(counter)
        seen = overtaken_by(host, result.exit_code, result.stderr)
        if seen is None:
            return result
        guard.surpass(host, seen)
    raise refusal(host, counter, seen or 0)
