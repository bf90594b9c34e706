from __future__ import annotations

from typing import Any

import pytest

from windlass.domain.rollout.disruption import local_volumes
from windlass.domain.rollout.gate import GateLevel
from windlass.domain.rollout.step import Step
from windlass.domain.rollout.workload_rules import Workloads, judge_volumes

LEAVES = (Step("leave", ("w-2",), (), drains=True),)


def volume(*nodes: str, claim: str | None = "data") -> dict[str, Any]:
    named = {"key": "kubernetes.io/hostname", "operator": "In", "values": list(nodes)}
    spec: dict[str, Any] = {"nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [named]}]}}}
    return {"spec": spec | ({"claimRef": {"namespace": "shop", "name": claim}} if claim else {})}


def test_a_volume_on_a_host_that_leaves_is_told_before_it_is_lost() -> None:
    found = judge_volumes(Workloads(volumes=[volume("w-2")]), LEAVES)
    assert found.verdict is GateLevel.WARNING
    assert "shop/data lies on w-2" in found.text


@pytest.mark.parametrize("kept", [volume("w-1"), volume("w-1", "w-2"), volume("w-2", claim=None), {"spec": {}}])
def test_what_stays_or_is_nobodys_is_not_told(kept: dict[str, Any]) -> None:
    assert not list(local_volumes([kept], ["w-2"]))


def test_a_drain_for_a_change_loses_no_volume() -> None:
    steps = (Step("host", ("w-2",), (), drains=True),)
    assert judge_volumes(Workloads(volumes=[volume("w-2")]), steps).verdict is GateLevel.PASSED
