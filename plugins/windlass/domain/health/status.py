"""The state of one subject, and how a verdict changes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from windlass.domain.health.consensus import Agreement, Thresholds


class Status(Enum):
    """How a subject is."""

    INITIALIZING = "initializing"
    """It is new or was restarted, and has time until its deadline to pass its first checks."""
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"
    """No vantage point can see it. That is no reason to touch it."""


@dataclass(frozen=True)
class SubjectState:
    """A subject's status since `since`; until `deadline` failed checks are no reason to call it unhealthy."""

    status: Status
    since: float
    deadline: float = float("-inf")
    is_fresh_start: bool = False
    """Whether it has not been healthy since it started: a second start then earns no more time."""

    @classmethod
    def new(cls, thresholds: Thresholds, now: float) -> SubjectState:
        """Return the state of a subject that nobody has ever seen."""
        return cls(Status.INITIALIZING, now, now + thresholds.initializing, is_fresh_start=True)

    @classmethod
    def known(cls, now: float) -> SubjectState:
        """Return the state of a subject that was there before this watcher began: it gets no time to start."""
        return cls(Status.UNKNOWN, now)

    @classmethod
    def starting(cls, deadline: float, now: float) -> SubjectState:
        """Return the state of a subject that an earlier watcher gave time until `deadline`."""
        return cls(Status.INITIALIZING, now, deadline, is_fresh_start=True)

    def after(self, agreement: Agreement, now: float) -> SubjectState:
        """Return the state after a verdict; the same object if nothing changes."""
        match agreement:
            case Agreement.HEALTHY:
                return self._become(Status.HEALTHY, now)
            case Agreement.UNHEALTHY:
                return self if self._has_time(now) else self._become(Status.UNHEALTHY, now)
            case Agreement.UNSEEN:
                return self if self._has_time(now) else self._become(Status.UNKNOWN, now)
            case Agreement.UNDECIDED:
                return self

    def restarted(self, thresholds: Thresholds, started: float, now: float) -> SubjectState:
        """Return the state after its container was seen to have started at `started`.

        A container that starts again and again without ever getting healthy earns its time once, and one that is
        unhealthy already stays so until it passes.
        """
        deadline = started + thresholds.reinitializing
        if self.is_fresh_start or self.status is Status.UNHEALTHY or deadline <= now:
            return self
        return replace(self, status=Status.INITIALIZING, since=now, deadline=deadline, is_fresh_start=True)

    def is_starting(self, now: float) -> bool:
        """Say whether it has never been healthy since it started, and still has time."""
        return self.status is Status.INITIALIZING and now < self.deadline

    def _has_time(self, now: float) -> bool:
        return self.status in {Status.INITIALIZING, Status.UNKNOWN} and now < self.deadline

    def _become(self, status: Status, now: float) -> SubjectState:
        if status is self.status:
            return self
        if status is Status.HEALTHY:
            return SubjectState(status, now)
        return replace(self, status=status, since=now)
