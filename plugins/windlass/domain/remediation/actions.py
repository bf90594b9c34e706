"""What a repair run decides: acts, acts held back, and where it stops and asks for a person."""

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
]

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
}


@dataclass(frozen=True)
class Action:
    """One act on one thing of one host."""

    kind: Kind
    host: str
    thing: str
    """Component, unit, `FILES`, `CERTIFICATES` or `host`."""
    reason: str
    failed_checks: int = 0
    seen_from: tuple[str, ...] = ()
    is_drift: bool = False
    """Whether the thing works, but is not as rendered."""
    stack: str = ""

    @property
    def key(self) -> str:
        """What tells the thing from every other of the cluster; its tries are counted under this."""
        return f"{self.host}/{self.thing}"

    def __str__(self) -> str:
        return f"{self.kind} {self.thing} on {self.host}: {self.reason}"


@dataclass(frozen=True)
class Deferred:
    """An act that is not taken now, and why."""

    repair: Action
    because: str
    until: datetime | None = None
    """When it may be taken, if time is all that it waits for."""

    def __str__(self) -> str:
        return f"not now: {self.repair}; {self.because}"


@dataclass(frozen=True)
class NeedsOperator:
    """Where repair ends and a person is needed: what is wrong, and the way out."""

    key: str
    why: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.why}; {self.way_out}"


@dataclass(frozen=True)
class RemediationPlan:
    """What is done now, what is not and why, where a person is needed, and what only differs and is only shown."""

    repairs: tuple[Action, ...] = ()
    held: tuple[Deferred, ...] = ()
    stops: tuple[NeedsOperator, ...] = ()
    reported: tuple[Action, ...] = ()

    @property
    def next_time(self) -> datetime | None:
        """When the first of what only waits for time may be taken; None if nothing does."""
        return min((one.until for one in self.held if one.until is not None), default=None)

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is wrong."""
        return not (self.repairs or self.held or self.stops or self.reported)
