"""What an earlier watcher left in the store, for the one that goes on: a status, as `HealthMonitor.status` gives it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from windlass.domain.health.checks import Check
from windlass.domain.health.findings import Finding
from windlass.domain.health.status import Status, SubjectState


def states_before(
    known: Mapping[str, Any] | None, checks: tuple[Check, ...], origin: datetime, now: float
) -> list[SubjectState]:
    """Return the state that each check begins with: what was seen before gets no time to start, or what it has left.

    `origin` is the wall-clock time of the zero of `now`.
    """
    listed = {(one["host"], one["component"]): one for one in (known or {}).get("subjects", [])}
    return [_state(check, listed.get((check.subject.host, check.subject.component)), origin, now) for check in checks]


def _state(check: Check, known: Mapping[str, Any] | None, origin: datetime, now: float) -> SubjectState:
    if known is None:
        return SubjectState.new(check.thresholds, now)
    if known["status"] != Status.INITIALIZING.value:
        return SubjectState.known(now)
    until = known.get("starting_until")
    if until is None:
        return SubjectState.new(check.thresholds, now)
    return SubjectState.starting((datetime.fromisoformat(until) - origin).total_seconds(), now)


def findings_before(known: Mapping[str, Any] | None) -> list[Finding]:
    """Return the findings that were open."""
    return [Finding.from_dict(one) for one in (known or {}).get("findings", [])]
