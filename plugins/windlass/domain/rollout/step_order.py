"""Whether a step of a rollout may begin, by what became of those before it.

Each step is one instance of a mapped task, and those know no order among themselves. A step that a pause keeps from
being done is skipped; one that a failure keeps from being done fails as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

_DONE, _PAUSED = "success", "skipped"
_FAILED = frozenset({"failed", "upstream_failed", "removed"})


class StepTurn(Enum):
    """What a step does now."""

    BEGIN = "begin"
    WAIT = "wait"
    """A step before it is not done yet."""
    SKIP = "skip"
    """A pause has kept a step before it from being done."""
    FAIL = "fail"
    """A step before it failed. Not skipped: who has what failed tried again gets all that is left done."""


def turn_of(states: Mapping[int, str | None], number: int) -> StepTurn:
    """Return what the step `number` does, given the states of steps by their number."""
    before = [states.get(one) for one in range(max(0, number))]
    if any(state in _FAILED for state in before):
        return StepTurn.FAIL
    if _PAUSED in before:
        return StepTurn.SKIP
    return StepTurn.BEGIN if all(state == _DONE for state in before) else StepTurn.WAIT


def undone_steps(states: Mapping[int, str | None]) -> frozenset[int]:
    """Return the numbers of the steps that a pause has kept from being done."""
    return frozenset(number for number, state in states.items() if state == _PAUSED)
