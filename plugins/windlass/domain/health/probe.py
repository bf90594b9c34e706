"""What one vantage point saw of one thing at one moment, and how often in a row it has seen the like."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


class ProbeOutcome(Enum):
    """How one look ended. A network that is cut, a host that is down and a process that is down look different."""

    PASSED = "passed"
    REFUSED = "refused"
    """The host answers, but nothing listens there: the process is down."""
    HUNG = "hung"
    """No answer in time, though the host answers elsewhere: the process hangs."""
    BAD = "bad"
    """An answer that says it is unhealthy, or none that makes sense."""
    TLS = "tls"
    """A certificate that is not valid or not the right one."""
    SILENT = "silent"
    """Nothing of that host answers, other hosts do: the host is down, or the network between is cut."""
    ALONE = "alone"
    """No other host answers at all: so is this vantage point cut, or everything else down?"""
    HELD_UP = "held_up"
    """No answer in time, on a vantage point that had no CPU time itself: it says nothing, and others may fare alike."""
    UNSURE = "unsure"
    """The look itself went wrong, such as without the certificate to verify with: it says nothing."""

    @property
    def is_sure(self) -> bool:
        """Whether it says anything about what was looked at."""
        return self not in {ProbeOutcome.HELD_UP, ProbeOutcome.UNSURE}

    @property
    def is_failure(self) -> bool:
        """Whether it speaks against what was looked at."""
        return self.is_sure and self is not ProbeOutcome.PASSED


HOST_ANSWERS = frozenset(
    {ProbeOutcome.PASSED, ProbeOutcome.REFUSED, ProbeOutcome.HUNG, ProbeOutcome.BAD, ProbeOutcome.TLS}
)
"""Outcomes that only a host that is up can cause."""


@dataclass(frozen=True)
class Subject:
    """One thing that is looked at: a component on a host."""

    host: str
    component: str

    def __str__(self) -> str:
        return f"{self.component} on {self.host}"


@dataclass(frozen=True)
class ProbeResult:
    """One look from `vantage` (a host's name); `at` in seconds of the watcher's monotonic clock."""

    subject: Subject
    vantage: str
    outcome: ProbeOutcome
    at: float
    detail: str = ""


@dataclass(frozen=True)
class ProbeHistory:
    """What one vantage point has seen of one subject lately. Unsure looks leave the counts as they are."""

    failures: int = 0
    """Failed looks in a row."""
    passes: int = 0
    """Passed looks in a row."""
    outcome: ProbeOutcome = ProbeOutcome.UNSURE
    """Of the last look."""
    at: float = float("-inf")
    """When the last look that was sure ended."""
    detail: str = ""
    unsure: int = 0
    """Looks in a row that said nothing."""
    passing_since: float = float("-inf")
    """When the first of the last passes in a row ended."""

    def after(self, look: ProbeResult) -> ProbeHistory:
        """Return the sight after one more look."""
        if not look.outcome.is_sure:
            return replace(self, outcome=look.outcome, detail=look.detail, unsure=self.unsure + 1)
        if look.outcome is ProbeOutcome.PASSED:
            since = self.passing_since if self.passes else look.at
            return ProbeHistory(0, self.passes + 1, look.outcome, look.at, look.detail, passing_since=since)
        return ProbeHistory(self.failures + 1, 0, look.outcome, look.at, look.detail)
