"""Upgrades as values: which version may follow which, what the gate says, in which order a change rolls."""

from __future__ import annotations

from windlass.domain.rollout.approval import Approval, approval_of
from windlass.domain.rollout.gate import GateFinding, GateLevel, GateReport
from windlass.domain.rollout.plan import plan_rollout
from windlass.domain.rollout.step import ADD_ONS, API_SERVER, ETCD, HOST, NARROW, PREFETCH, WIDEN, HostState, Step
from windlass.domain.rollout.version_skew import RunningVersions, check_target, path_to, skew_problems

__all__ = [
    "ADD_ONS",
    "API_SERVER",
    "ETCD",
    "HOST",
    "NARROW",
    "PREFETCH",
    "WIDEN",
    "Approval",
    "GateFinding",
    "GateLevel",
    "GateReport",
    "HostState",
    "RunningVersions",
    "Step",
    "approval_of",
    "check_target",
    "path_to",
    "plan_rollout",
    "skew_problems",
]
