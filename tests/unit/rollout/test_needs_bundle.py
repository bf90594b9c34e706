from __future__ import annotations

import pytest

from windlass.domain.rollout.gate import GateReport
from windlass.domain.rollout.gate_result import GateResult
from windlass.domain.rollout.step import Step
from windlass.domain.rollout.transition import REMOVES_MEMBER, STOPS_SERVER

JOIN = (Step("prepare", ("w-3",), ()), Step("host", ("w-3",), ("w-3: kubelet", "Node w-3: its labels")))
LEAVE = Step(
    "leave", ("w-2",), ("w-2: drain and delete its node", "w-2: remove the cluster from the host"), drains=True
)


@pytest.mark.parametrize("steps", [(), JOIN, (LEAVE,), (*JOIN, LEAVE)])
def test_workers_come_and_go_without_a_bundle(steps: tuple[Step, ...]) -> None:
    assert not GateResult(GateReport(()), steps).needs_bundle


@pytest.mark.parametrize(
    "step",
    [
        Step("etcd", ("cp-1",), ()),
        Step("etcd-join", ("w-3",), ()),
        Step("api-server", ("cp-1",), ()),
        Step("host", ("w-1",), ()),
        Step("leave", ("cp-3",), (f"cp-3: {STOPS_SERVER}",)),
        Step("leave", ("e-3",), (f"e-3: {REMOVES_MEMBER}",)),
        Step("add-ons", (), ("DaemonSet kube-flannel/flannel",)),
    ],
)
def test_whatever_changes_what_runs_needs_one(step: Step) -> None:
    assert GateResult(GateReport(()), (*JOIN, step)).needs_bundle
