"""What a remediation run writes to the service log, as values: what was decided and done, and to what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from windlass.domain.host.health import ClusterHealth
from windlass.domain.remediation.actions import WORDS, Action, Deferred
from windlass.domain.servicelog import Detail, Level, Tally, health_text
from windlass.errors import WindlassError


@dataclass(frozen=True)
class Note:
    """One line for the service log: what was decided or done, and to what."""

    text: str
    level: Level = "info"
    host: str = ""
    component: str = ""
    details: Mapping[str, Detail] = field(default_factory=dict)
    key: str = ""
    """What an alert or its end is about; empty for all other lines."""


def deferred_note(deferred: Deferred) -> Note:
    """Return the line on an action that is not taken now."""
    return Note(str(deferred), "warning", deferred.action.host, deferred.action.component)


def left_note(action: Action, minutes: float) -> Note:
    """Return the line on an action for which the run's time, of so many minutes, was too short."""
    return Note(left_text(action, minutes), "warning", action.host, action.component)


def left_text(action: Action, minutes: float) -> str:
    """Say that an action is left to the next run, and why."""
    return f"{action}: left to the next run, as this one has taken {minutes:.0f} min"


def decided_note(observed: ClusterHealth, action: Action) -> Note:
    """Return the line on an action that is taken now, as Rancher's service log had it."""
    details: dict[str, Detail] = {
        "act": action.kind,
        "reason": action.reason,
        "failed_checks": action.failed_checks,
        "drift": action.is_drift,
    }
    return Note(_decided_text(observed, action), "warning", action.host, action.component, details)


def _decided_text(observed: ClusterHealth, action: Action) -> str:
    word = WORDS[action.kind]
    if not action.failed_checks:
        return f"{word}: {action.subject}: {action.reason}"
    same = [health for component, health in _components(observed) if component == action.component]
    requested, healthy = len(same) or 1, sum(health == "healthy" for health in same)
    is_recreated = word == "Recreated"
    tally = Tally(requested, healthy, recreated=int(is_recreated), acts={} if is_recreated else {word: 1})
    text = health_text(tally, action.component, action.host, action.failed_checks, action.seen_from)
    return f"{text} ({action.reason})" if action.reason else text


def _components(observed: ClusterHealth) -> Iterator[tuple[str, str]]:
    for host in observed.hosts:
        yield from ((one.component, observed.health(host, one)) for one in host.services)
        yield from ((unit.unit, unit.health) for unit in host.units)


def ended_note(action: Action, outcome: float | WindlassError) -> Note:
    """Return the line on how an action ended: the seconds until its component was healthy, or why it is not."""
    if isinstance(outcome, WindlassError):
        details: dict[str, Detail] = {"reason": action.reason}
        return Note(f"failed: {outcome}", "warning", action.host, action.component, details)
    match action.kind:
        case "cordon":
            text = f"node {action.host} takes no new pods until all of it is healthy again"
        case "uncordon":
            text = f"node {action.host} takes new pods again"
        case _:
            text = f"{action.subject} is healthy again after {outcome:.1f} s"
    return Note(text, "info", action.host, action.component, {"seconds": round(outcome, 1)})
