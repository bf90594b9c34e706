from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.objects.conftest import cluster_with
from windlass.domain.host.layout import NODE_SETTINGS
from windlass.domain.objects.node_settings import node_change
from windlass.domain.spec.models import Host
from windlass.effects.kubernetes.client import KubernetesClient, Resource
from windlass.operations.cluster import ClusterSession
from windlass.operations.objects.nodes import label_hosts, label_nodes, node_drift
from world.objects import ObjectsApi

W_1 = ("nodes", "", "w-1")
CORDON = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
THEIRS = {"key": "gpu", "value": "a100", "effect": "NoExecute"}


def with_worker(session: ClusterSession, **settings: Any) -> ClusterSession:
    """Return the session at a spec in which the worker has other labels or taints."""
    hosts = {
        "members": [
            {"name": "cp-1", "address": "192.0.2.1", "roles": ["etcd", "control-plane"]},
            {"name": "cp-2", "address": "192.0.2.2", "roles": ["control-plane"]},
            {"name": "w-1", "address": "192.0.2.3", "roles": ["worker"], **settings},
        ]
    }
    return replace(session, cluster=cluster_with(hosts=hosts))


def taints(api: ObjectsApi) -> list[dict[str, str]]:
    found: list[dict[str, str]] = api.contents[W_1]["spec"].get("taints", [])
    return found


def test_labels_and_taints_of_the_spec_are_set_on_a_running_node(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi
) -> None:
    session = with_worker(session, labels={"disk": "ssd"}, taints=["batch=yes:NoSchedule"])
    told = label_nodes(session, client)
    role = 'labels.node-role.kubernetes.io/worker: absent -> ""'
    assert told[2].startswith(f"changed Node w-1: {role}; labels.disk: absent -> ssd; ")
    assert "taints.batch:NoSchedule: absent -> yes" in told[2]
    assert api.contents[W_1]["metadata"]["labels"]["disk"] == "ssd"
    assert taints(api) == [{"key": "batch", "value": "yes", "effect": "NoSchedule"}]
    assert label_nodes(session, client) == ()
    assert node_drift(session, client) == ()


def test_what_left_the_spec_is_removed_and_what_others_set_stays(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi
) -> None:
    label_nodes(with_worker(session, labels={"disk": "ssd"}, taints=["batch=yes:NoSchedule"]), client)
    api.contents[W_1]["metadata"]["labels"]["theirs"] = "stays"
    api.contents[W_1]["spec"]["taints"] += [CORDON, THEIRS]
    (drift,) = node_drift(session, client)
    assert str(drift) == "Node w-1 differs: labels.disk: ssd -> absent; taints.batch:NoSchedule: yes -> absent"
    label_nodes(session, client)
    assert taints(api) == [CORDON, THEIRS]
    labels = api.contents[W_1]["metadata"]["labels"]
    assert labels == {"node-role.kubernetes.io/worker": "", "theirs": "stays"}


def test_a_taint_with_another_value_replaces_the_old_one(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi
) -> None:
    label_nodes(with_worker(session, taints=["batch=yes:NoSchedule"]), client)
    api.contents[W_1]["spec"]["taints"].append(CORDON)
    label_nodes(with_worker(session, taints=["batch=no:NoSchedule"]), client)
    assert taints(api) == [CORDON, {"key": "batch", "value": "no", "effect": "NoSchedule"}]


def test_without_the_annotation_the_spec_of_before_tells_what_was_set(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi
) -> None:
    before = with_worker(session, labels={"disk": "ssd"}, taints=["batch=yes:NoSchedule"])
    label_nodes(before, client)
    del api.contents[W_1]["metadata"]["annotations"][NODE_SETTINGS]
    label_nodes(session, client, before)
    assert taints(api) == []
    assert "disk" not in api.contents[W_1]["metadata"]["labels"]


def test_an_annotation_that_is_lost_is_written_again_and_changes_nothing_else(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi
) -> None:
    label_nodes(session, client)
    del api.contents[W_1]["metadata"]["annotations"][NODE_SETTINGS]
    (drift,) = node_drift(session, client)
    assert str(drift) == "Node w-1 differs: which labels and taints Windlass has set is not noted"
    assert label_nodes(session, client) == ()
    assert node_drift(session, client) == ()


def test_a_node_that_somebody_changes_meanwhile_is_read_again(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = with_worker(session, taints=["batch=yes:NoSchedule"])
    patch = client.patch

    def after_a_cordon(resource: Resource, name: str, change: dict[str, Any]) -> dict[str, Any]:
        if name == "w-1" and CORDON not in taints(api):
            patch(resource, name, {"spec": {"taints": [CORDON]}})
        return patch(resource, name, change)

    monkeypatch.setattr(client, "patch", after_a_cordon)
    label_nodes(session, client)
    assert taints(api) == [CORDON, {"key": "batch", "value": "yes", "effect": "NoSchedule"}]


HOST = {"name": "w-1", "address": "192.0.2.3", "roles": ["worker"]}
KEYS = st.sampled_from(["a", "b", "c"])
TAINTS = st.dictionaries(st.tuples(KEYS, st.sampled_from(["NoSchedule", "NoExecute"])), KEYS, max_size=4)
LABELS = st.dictionaries(KEYS, KEYS)


@given(LABELS, TAINTS, LABELS, TAINTS, LABELS, TAINTS)
def test_a_node_comes_to_the_spec_and_keeps_what_others_set(
    labels: dict[str, str],
    tainted: dict[tuple[str, str], str],
    old_labels: dict[str, str],
    old_taints: dict[tuple[str, str], str],
    their_labels: dict[str, str],
    their_taints: dict[tuple[str, str], str],
) -> None:
    def host(labels: dict[str, str], tainted: dict[tuple[str, str], str]) -> Host:
        texts = [f"{key}={value}:{effect}" for (key, effect), value in tainted.items()]
        return Host.model_validate({**HOST, "labels": labels, "taints": texts})

    def changed(node: dict[str, Any], host: Host) -> dict[str, Any]:
        change = node_change(host, node)
        if change is None:
            return node
        metadata = change.patch["metadata"]
        found = node["metadata"].get("labels", {}) | metadata.get("labels", {})
        spec = change.patch.get("spec", node["spec"])
        kept = {key: value for key, value in found.items() if value is not None}
        return {"metadata": {"labels": kept, "annotations": metadata["annotations"]}, "spec": spec}

    theirs = {f"their-{key}": value for key, value in their_labels.items()}
    marked = [
        {"key": f"their-{key}", "value": value, "effect": effect} for (key, effect), value in their_taints.items()
    ]
    node = changed(
        {"metadata": {"labels": theirs}, "spec": {"taints": [*marked, CORDON]}}, host(old_labels, old_taints)
    )
    node = changed(node, host(labels, tainted))
    assert node_change(host(labels, tainted), node) is None
    assert node["metadata"]["labels"] == {**theirs, **labels, "node-role.kubernetes.io/worker": ""}
    found = {(one["key"], one["effect"]): one.get("value", "") for one in node["spec"]["taints"]}
    desired = {(one["key"], one["effect"]): one.get("value", "") for one in [*marked, CORDON]} | tainted
    assert found == desired
    assert json.loads(node["metadata"]["annotations"][NODE_SETTINGS])["labels"]


def test_nodes_that_joined_together_are_read_once_and_told_by_host(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi
) -> None:
    session = with_worker(session, labels={"disk": "ssd"})
    changed = label_hosts(session, client, ["cp-2", "w-1", "gone"])
    assert set(changed) == {"cp-2", "w-1"}
    assert "labels.disk: absent -> ssd" in changed["w-1"][0]
    assert (api.requests["GET"], api.requests["PATCH"]) == (1, 2)
    assert label_hosts(session, client, ["w-1"]) == {"w-1": ()}
