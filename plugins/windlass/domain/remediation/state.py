"""What a remediation run begins with, and all that it knows between two steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from windlass.domain.host.health import HealthReport
from windlass.domain.remediation.actions import Action, NeedsOperator
from windlass.domain.remediation.commands import Depth
from windlass.domain.remediation.history import History
from windlass.domain.remediation.plan import RunOrigin
from windlass.domain.remediation.summary import RemediationResult
from windlass.domain.spec.models import Repair as RepairSettings


@dataclass(frozen=True)
class RunStart:
    """What a run begins with."""

    history: History = field(default_factory=History)
    reports: Mapping[str, HealthReport] = field(default_factory=dict)
    """What the monitor calls unhealthy, by `host/component`."""
    notices: tuple[NeedsOperator, ...] = ()
    """What the monitor found that remediation can do nothing about."""
    origin: RunOrigin = field(default_factory=RunOrigin)


@dataclass(frozen=True)
class BackgroundAction:
    """An action that is under way in the background; nothing else is done on its host meanwhile."""

    action: Action
    began: datetime


@dataclass(frozen=True)
class RunState:
    """All that a run knows between two steps."""

    settings: RepairSettings
    origin: RunOrigin
    deadline: datetime
    depth: Depth
    """Of the observation that is due or was made last."""
    history: History
    saved: History
    """The history as it is stored."""
    reports: Mapping[str, HealthReport]
    notices: tuple[NeedsOperator, ...]
    background: Mapping[str, BackgroundAction] = field(default_factory=dict)
    """By `host/component`."""
    noted: frozenset[str] = frozenset()
    """What was noted as deferred or as drift, by `host/component`: each is noted once in a run."""
    done: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    result: RemediationResult | None = None
    """None until the run has ended."""
