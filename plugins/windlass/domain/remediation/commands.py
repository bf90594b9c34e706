"""What a remediation run has its loop do, and what the loop answers; all of them values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from windlass.domain.host.health import ClusterHealth, HealthReport
from windlass.domain.remediation.actions import Action
from windlass.domain.remediation.history import History
from windlass.domain.remediation.notes import Note
from windlass.domain.remediation.triggers import MonitorReports
from windlass.errors import WindlassError

Depth = Literal["quick", "full"]
"""`quick`: units, containers, checks. `full`: silent hosts are asked longer, and all is compared with the rendering."""


@dataclass(frozen=True)
class Heartbeat:
    """Renew the cluster's lease; a run that has lost it ends here."""


@dataclass(frozen=True)
class AskMonitor:
    """Ask what the monitor has found by now; answered by `MonitorAnswered`."""


@dataclass(frozen=True)
class Observe:
    """Observe the whole cluster; answered by `ClusterObserved`."""

    depth: Depth
    reports: Mapping[str, HealthReport]


@dataclass(frozen=True)
class ObserveCordons:
    """Ask the Kubernetes API which nodes are cordoned, and by whom; answered by `CordonsObserved`."""

    observed: ClusterHealth


@dataclass(frozen=True)
class Save:
    """Store the history."""

    history: History


@dataclass(frozen=True)
class Report:
    """Write a line to the service log; people are notified of it if it has a key."""

    note: Note


@dataclass(frozen=True)
class Execute:
    """Execute actions side by side, each until its component is healthy; answered by `ActionsEnded`."""

    actions: tuple[Action, ...]
    limit: timedelta
    """After this what has not ended is given up on."""


@dataclass(frozen=True)
class StartInBackground:
    """Begin an action that goes on while the run does other work."""

    action: Action


@dataclass(frozen=True)
class AwaitBackground:
    """Wait until an action in the background ends, for so many seconds at most."""

    seconds: float


@dataclass(frozen=True)
class CollectBackground:
    """Ask which actions in the background have ended; answered by `BackgroundEnded`."""


@dataclass(frozen=True)
class Wait:
    """Let time pass before the next step."""

    seconds: float


Command = (
    Heartbeat
    | AskMonitor
    | Observe
    | ObserveCordons
    | Save
    | Report
    | Execute
    | StartInBackground
    | AwaitBackground
    | CollectBackground
    | Wait
)


@dataclass(frozen=True)
class ActionResult:
    """How one action ended."""

    action: Action
    outcome: float | WindlassError
    """Seconds until its component was healthy, or why it is not; NotReadyError where it was given its time to start."""


@dataclass(frozen=True)
class MonitorAnswered:
    """What the monitor has found by now."""

    reports: MonitorReports | None
    """None where that is what the run began with."""


@dataclass(frozen=True)
class ClusterObserved:
    """How the cluster is."""

    cluster: ClusterHealth


@dataclass(frozen=True)
class CordonsObserved:
    """How the cluster is, with the cordons of its nodes."""

    cluster: ClusterHealth


@dataclass(frozen=True)
class ActionsEnded:
    """How the actions of an `Execute` ended."""

    results: tuple[ActionResult, ...]


@dataclass(frozen=True)
class BackgroundEnded:
    """How actions in the background ended that have ended since the last time."""

    results: tuple[ActionResult, ...]


RunEvent = MonitorAnswered | ClusterObserved | CordonsObserved | ActionsEnded | BackgroundEnded
