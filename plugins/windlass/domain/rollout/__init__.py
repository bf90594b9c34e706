"""Upgrades as values: which version may follow which, what the gate says, in which order a change rolls."""

from __future__ import annotations

from windlass.domain.rollout.approval import Approval, approval_of
from windlass.domain.rollout.gate import Finding, GateReport, Verdict
from windlass.domain.rollout.plan import (
    ADD_ONS,
    API_SERVER,
    ETCD,
    HOST,
    PREFETCH,
    HostState,
    Step,
    plan_roll,
    steps_until,
)
from windlass.domain.rollout.version_skew import Running, check_target, path_to, skew_problems

__all__ = [
    "ADD_ONS",
    "API_SERVER",
    "ETCD",
    "HOST",
    "PREFETCH",
    "Approval",
    "Finding",
    "GateReport",
    "HostState",
    "Running",
    "Step",
    "Verdict",
    "approval_of",
    "check_target",
    "path_to",
    "plan_roll",
    "skew_problems",
    "steps_until",
]
