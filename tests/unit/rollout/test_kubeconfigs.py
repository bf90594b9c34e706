"""A change after which kubeconfigs lead elsewhere is told before it is approved."""

from __future__ import annotations

from typing import Any

import pytest

from unit.rendering.conftest import TOPOLOGIES, make_cluster
from windlass.domain.rollout.gate import GateLevel
from windlass.domain.rollout.kubeconfigs import kubeconfig_findings
from windlass.domain.spec import Cluster

FIRST, ADDRESS = "https://192.0.2.11:6443", "https://192.0.2.100:6443"
HELD = {"virtualAddress": "192.0.2.100"}


def cluster(**api: Any) -> Cluster:
    return make_cluster(TOPOLOGIES["overlapping"], api=api)


@pytest.mark.parametrize(
    ("before", "after", "old", "new"),
    [
        ({}, HELD, FIRST, ADDRESS),
        (HELD, {}, ADDRESS, FIRST),
        (HELD, {"virtualAddress": "192.0.2.101"}, ADDRESS, "https://192.0.2.101:6443"),
        ({}, {"endpoint": "k8s.example.com"}, FIRST, "https://k8s.example.com:6443"),
    ],
)
def test_people_are_to_get_kubeconfigs_again(before: Any, after: Any, old: str, new: str) -> None:
    (found,) = kubeconfig_findings(cluster(**before), cluster(**after))
    assert found.verdict is GateLevel.WARNING
    assert found.text == f"they lead to {new} from now on, and those that were given out lead to {old}"
    assert "windlass kubeconfig demo" in found.remedy


def test_nothing_is_said_where_they_lead_where_they_did() -> None:
    assert kubeconfig_findings(cluster(), cluster(extraNames=["k8s.example.com"])) == ()
    behind = cluster(endpoint="k8s.example.com")
    assert kubeconfig_findings(behind, cluster(endpoint="k8s.example.com", **HELD)) == ()
