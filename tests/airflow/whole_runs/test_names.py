"""Names and words of other tools' specs: host names with dots, labels of roles, a flag with several values."""

from __future__ import annotations

from collections.abc import Callable

from world import World

SPEC = """apiVersion: windlass/v1
kind: Cluster
metadata: {name: demo}
spec:
  kubernetes: {version: v1.37.2}
  hosts:
    members:
      - name: cp-1.example.com
        address: 192.0.2.11
        roles: [etcd, control-plane]
        labels: {node-role.kubernetes.io/ingress: "", node-restriction.kubernetes.io/team: a}
      - {name: w-1.example.com, address: 192.0.2.21, roles: [worker]}
  components:
    kube-apiserver:
      extraArgs:
        service-account-issuer: [https://kubernetes.default.svc.cluster.local, https://id.example.com]
  security: {podSecurity: restricted}
"""


def test_they_make_a_cluster(new: Callable[[str], World]) -> None:
    world = new(SPEC)
    run = world.run("create_cluster", spec=SPEC)
    assert set(run.states.values()) <= {"success", "skipped"}, run.states
    assert {name: list(drift.differences) for name, drift in world.drift().items() if not drift.is_empty} == {}
