"""What a remediation run decides: actions, what is deferred, and where an operator is needed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal[
    "restart-unit",
    "restore-files",
    "renew-certificates",
    "recreate",
    "replace-member",
    "cordon",
    "uncordon",
    "replace-host",
    "apply-objects",
    "delete-pod",
    "spread-replicas",
    "roll-out",
]
ON_ADDONS: frozenset[Kind] = frozenset({"apply-objects", "delete-pod", "spread-replicas"})
"""What is done to an add-on by the Kubernetes API, and on no host."""

CERTIFICATES = "certificates"
FILES = "files"

WORDS: dict[Kind, str] = {
    "restart-unit": "Restarted",
    "restore-files": "Restored",
    "renew-certificates": "Renewed",
    "recreate": "Recreated",
    "replace-member": "Replaced",
    "cordon": "Cordoned",
    "uncordon": "Uncordoned",
    "replace-host": "Replaced",
    "apply-objects": "Applied again",
    "delete-pod": "Deleted a pod",
    "spread-replicas": "Spread",
    "roll-out": "Rolled out",
}


@dataclass(frozen=True)
class Action:
    """One action on one component of one host, or on an add-on."""

    kind: Kind
    host: str
    """Empty for an add-on."""
    component: str
    """Component, unit, `FILES`, `CERTIFICATES` or `host`; `dns`, `network` or another add-on."""
    reason: str
    failed_checks: int = 0
    seen_from: tuple[str, ...] = ()
    is_drift: bool = False
    """Whether the component works, but is not as rendered."""
    stack: str = ""

    @property
    def key(self) -> str:
        """What identifies the component in the cluster; its tries are counted under this."""
        return f"{self.host}/{self.component}"

    @property
    def subject(self) -> str:
        """What it is done to, as messages name it."""
        return f"{self.component} on {self.host}" if self.host else self.component

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}: {self.reason}"


@dataclass(frozen=True)
class Deferred:
    """An action that is not taken now, and why."""

    action: Action
    because: str
    until: datetime | None = None
    """When it may be taken, if time is all that it waits for."""

    def __str__(self) -> str:
        return f"not now: {self.action}; {self.because}"


@dataclass(frozen=True)
class NeedsOperator:
    """Where remediation ends and a person is needed: what is wrong, and the way out."""

    key: str
    why: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.why}; {self.way_out}"


@dataclass(frozen=True)
class RemediationPlan:
    """What is done now, what is not and why, where a person is needed, and what only differs and is only shown."""

    actions: tuple[Action, ...] = ()
    deferred: tuple[Deferred, ...] = ()
    needs_operator: tuple[NeedsOperator, ...] = ()
    reported: tuple[Action, ...] = ()

    @property
    def next_time(self) -> datetime | None:
        """When the first of what only waits for time may be taken; None if nothing does."""
        return min((one.until for one in self.deferred if one.until is not None), default=None)

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is wrong."""
        return not (self.actions or self.deferred or self.needs_operator or self.reported)
