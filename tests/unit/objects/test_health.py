from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from unit.objects.test_spread import node, pod
from unit.remediation.clusters import cluster
from windlass.domain.objects.health import AddonHealth, ObservedAddons, Workload, addon_health
from windlass.domain.pki import Pki
from windlass.domain.remediation import Action
from windlass.effects.kubernetes.client import KubernetesClient
from windlass.effects.ssh.connection import RemoteFile
from windlass.errors import NotReadyError
from windlass.operations.cluster import ClusterSession
from windlass.operations.objects.apply import apply_services
from windlass.operations.objects.nodes import label_nodes
from windlass.operations.remediation import addons as remediation
from windlass.operations.remediation.context import Keyring, RemediationContext
from world.objects import ObjectsApi

NOW = datetime(2026, 11, 29, 10, tzinfo=UTC)
COREDNS = ("deployments", "kube-system", "coredns")


def deployment(available: int, desired: int = 2) -> Workload:
    found = {
        "kind": "Deployment",
        "metadata": {"name": "coredns", "namespace": "kube-system"},
        "spec": {"replicas": desired, "selector": {"matchLabels": {"k8s-app": "kube-dns"}}},
        "status": {"availableReplicas": available},
    }
    return Workload("dns", found)


def daemon_set(available: int, desired: int) -> Workload:
    found = {
        "kind": "DaemonSet",
        "metadata": {"name": "flannel", "namespace": "kube-flannel"},
        "spec": {"selector": {"matchLabels": {"app": "flannel"}}},
        "status": {"numberAvailable": available, "desiredNumberScheduled": desired},
    }
    return Workload("network", found)


DOWN = {**node("w-2"), "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}


@pytest.mark.parametrize(
    ("workload", "not_ready", "said"),
    [
        (deployment(2), 0, ""),
        (deployment(1), 0, "Deployment kube-system/coredns: 1 of 2 available"),
        (deployment(1), 1, ""),
        (deployment(0), 2, "Deployment kube-system/coredns: 0 of 2 available"),
        (deployment(0, desired=0), 0, ""),
        (daemon_set(2, 3), 0, "DaemonSet kube-flannel/flannel: 2 of 3 available"),
        (daemon_set(2, 3), 1, ""),
        (daemon_set(0, 1), 1, ""),
    ],
)
def test_what_nodes_that_are_down_explain_is_no_trouble_of_an_add_on(
    workload: Workload, not_ready: int, said: str
) -> None:
    assert workload.trouble(not_ready) == said


def waiting(reason: str) -> dict[str, Any]:
    return {"containerStatuses": [{"state": {"waiting": {"reason": reason}}}], "conditions": []}


def unready(since: datetime) -> dict[str, Any]:
    condition = {"type": "Ready", "status": "False", "lastTransitionTime": since.isoformat()}
    return {"phase": "Running", "conditions": [condition]}


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (waiting("CrashLoopBackOff"), ["CrashLoopBackOff"]),
        (waiting("ContainerCreating"), []),
        (unready(NOW - timedelta(minutes=3)), [f"not ready since {(NOW - timedelta(minutes=3)).isoformat()}"]),
        (unready(NOW - timedelta(minutes=1)), []),
    ],
)
def test_a_pod_that_does_not_come_up_by_itself_is_stuck(status: dict[str, Any], why: list[str]) -> None:
    stuck = {**pod("a", "w-1"), "status": status}
    found = addon_health(ObservedAddons((), (deployment(1),), [stuck], [node("w-1")], has_own_dns=True), NOW)
    assert [one.why for one in found[0].stuck] == why


def test_pods_on_nodes_that_are_down_and_pods_of_others_are_not_its_stuck_ones() -> None:
    lost = {**pod("a", "w-2"), "status": waiting("CrashLoopBackOff")}
    others = {**pod("b", "w-1", labels={"k8s-app": "shop"}), "status": waiting("CrashLoopBackOff")}
    asked = ObservedAddons((), (deployment(0),), [lost, others], [node("w-1"), DOWN], has_own_dns=True)
    assert addon_health(asked, NOW)[0].stuck == ()


@pytest.fixture
def context(
    session: ClusterSession, client: KubernetesClient, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> RemediationContext:
    @contextmanager
    def api_of(*_: object) -> Iterator[KubernetesClient]:
        yield client

    monkeypatch.setattr(remediation, "kubernetes_api", api_of)
    return RemediationContext(session, Keyring(lambda: pki, lambda _: RemoteFile(b"")), lambda _: None)


def observed(context: RemediationContext) -> dict[str, AddonHealth]:
    found = remediation.observe_addons(context, cluster()).addons
    return {one.addon: one for one in found or () if one != AddonHealth(one.addon)}


def test_a_deleted_object_and_a_changed_label_are_found_and_put_right(
    context: RemediationContext, client: KubernetesClient, api: ObjectsApi
) -> None:
    apply_services(context.session, client)
    label_nodes(context.session, client)
    assert observed(context) == {}
    del api.contents[COREDNS]
    del api.contents["nodes", "", "w-1"]["metadata"]["labels"]["node-role.kubernetes.io/worker"]
    found = observed(context)
    assert found["dns"].drift == ("Deployment kube-system/coredns is missing",)
    assert "labels.node-role.kubernetes.io/worker" in found["nodes"].drift[0]
    for addon in found:
        remediation.act_on_addon(context, Action("apply-objects", "", addon, "drift"))
        assert remediation.await_addon(context, Action("apply-objects", "", addon, "drift")) >= 0
    assert observed(context) == {}


def test_only_the_add_on_of_the_action_is_applied_again(
    context: RemediationContext, client: KubernetesClient, api: ObjectsApi
) -> None:
    apply_services(context.session, client)
    del api.contents[COREDNS]
    del api.contents["daemonsets", "kube-flannel", "flannel"]
    done = remediation.act_on_addon(context, Action("apply-objects", "", "network", "drift"))
    assert done == ("created DaemonSet kube-flannel/flannel",)
    assert COREDNS not in api.contents


def test_nothing_is_known_of_add_ons_where_no_api_answers(
    context: RemediationContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise NotReadyError("no API server is ready")

    monkeypatch.setattr(remediation, "kubernetes_api", refuse)
    before = replace(cluster(), addons=(AddonHealth("dns"),))
    assert remediation.observe_addons(context, before).addons is None
