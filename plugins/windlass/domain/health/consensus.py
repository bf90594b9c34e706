"""The verdict on one subject: what the majority of those vantage points says that can see it.

A vantage point can see if its word still arrives, its last look was sure, and it is not cut itself. Loops tell changes,
so that of one that is heard the last look told still holds. One is cut that reaches nobody although somebody hears one
of those it cannot reach. One that was held up itself says nothing, but is counted: where one has no CPU time the others
may have little, so that what they miss needs their majority all the more. Only one with the full number of failed looks
in a row makes a verdict of unhealthy; the others, who began to look when it first failed, confirm with one look less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from windlass.domain.health.probe import ProbeHistory, ProbeOutcome


@dataclass(frozen=True)
class Thresholds:
    """What it takes to change one's mind about a subject; see HealthCheck. Times in seconds."""

    interval: float
    response_timeout: float
    unhealthy: int
    healthy: int
    initializing: float
    reinitializing: float

    @property
    def longest_round(self) -> float:
        """How far apart two looks in a row may end."""
        return self.interval + self.response_timeout

    @property
    def confirming(self) -> int:
        """How many failed looks in a row confirm what another vantage point saw in full."""
        return max(1, self.unhealthy - 1)


@dataclass(frozen=True)
class VantageView:
    """One vantage point's part in a verdict."""

    vantage: str
    history: ProbeHistory
    is_heard: bool
    """Whether its word still arrives."""
    is_contradicted: bool
    """Whether somebody hears a host that this one would have to reach: if it reaches nobody, it is cut itself."""

    @property
    def can_see(self) -> bool:
        """Whether what it says counts."""
        is_cut = self.history.outcome is ProbeOutcome.ALONE and self.is_contradicted
        return self.is_heard and not is_cut and self.history.outcome.is_sure

    @property
    def is_held_up(self) -> bool:
        """Whether it is there, but had no CPU time to look."""
        return self.is_heard and self.history.outcome is ProbeOutcome.HELD_UP


class Agreement(Enum):
    """What the vantage points say together."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNDECIDED = "undecided"
    """They see it, and neither threshold is met: whatever was true before still is."""
    UNSEEN = "unseen"
    """None of them can see."""


@dataclass(frozen=True)
class Consensus:
    """A verdict, and the views of those who can see: all that speak for it come first."""

    agreement: Agreement
    agreeing: tuple[VantageView, ...] = ()
    seeing: tuple[VantageView, ...] = ()


def decide(thresholds: Thresholds, views: Sequence[VantageView]) -> Consensus:
    """Return what the majority of the vantage points that can see says."""
    seeing = tuple(view for view in views if view.can_see)
    if not seeing:
        return Consensus(Agreement.UNSEEN)
    failing = tuple(view for view in seeing if view.history.failures >= thresholds.confirming)
    is_sure = any(view.history.failures >= thresholds.unhealthy for view in failing)
    held_up = sum(view.is_held_up for view in views)
    if is_sure and 2 * len(failing) > len(seeing) + held_up:
        return Consensus(Agreement.UNHEALTHY, failing, seeing)
    passing = tuple(view for view in seeing if view.history.passes >= thresholds.healthy)
    if 2 * len(passing) > len(seeing):
        return Consensus(Agreement.HEALTHY, passing, seeing)
    return Consensus(Agreement.UNDECIDED, (), seeing)
