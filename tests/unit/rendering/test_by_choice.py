"""What is in a cluster only where its spec asks for it: who enforces network policies, and who keeps measurements."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from windlass.domain.rendering.images import MirrorAddresses
from windlass.domain.rendering.installs import cluster_images, host_images

POLICY: dict[str, Any] = {"network": {"policy": "kube-network-policies"}}
PROMETHEUS: dict[str, Any] = {"monitoring": {"history": {"driver": "prometheus"}}}
IMAGES = {"kube-network-policies", "prometheus", "node-exporter"}


def names(rendering: Any) -> set[str]:
    return {image.name for image in cluster_images(rendering.cluster, rendering.release)}


def addons(rendering: Any) -> set[str]:
    return {one.addon for one in rendering.manifests()}


def prometheus(render: Any, **values: Any) -> Any:
    return render(monitoring={"history": {"driver": "prometheus", "values": values}})


def test_neither_is_there_or_fetched_unless_asked_for(render: Any) -> None:
    assert not addons(render()) & {"network-policy", "history"}
    assert not names(render()) & IMAGES


@pytest.mark.parametrize(
    ("sections", "addon", "images"),
    [(POLICY, "network-policy", {"kube-network-policies"}), (PROMETHEUS, "history", {"prometheus", "node-exporter"})],
)
def test_what_is_asked_for_is_there_and_nothing_else_changes(
    render: Any, sections: dict[str, Any], addon: str, images: set[str]
) -> None:
    plain, rendering = render(), render(**sections)
    assert names(rendering) & IMAGES == images
    others = [one.document for one in rendering.manifests() if one.addon != addon]
    assert others == [one.document for one in plain.manifests()]
    assert any(one.addon == addon for one in rendering.manifests())


def test_every_node_has_who_enforces_policies_before_a_pod_needs_it(render: Any) -> None:
    rendering = render(**POLICY)
    there = {
        image.artifact.name
        for name in ("cp-1", "w-1")
        for image in host_images(
            rendering.cluster,
            rendering.release,
            rendering.member(name),
            rendering.lock,
            MirrorAddresses("http://m", "m"),
        )
    }
    assert "kube-network-policies" in there
    pod = rendering.object("DaemonSet", "kube-network-policies")["spec"]["template"]["spec"]
    assert pod["tolerations"] == [{"operator": "Exists"}]
    assert pod["hostNetwork"] is True


def test_who_enforces_policies_may_change_the_network_of_its_host_and_nothing_else(render: Any) -> None:
    pod = render(**POLICY).object("DaemonSet", "kube-network-policies")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["NET_ADMIN"]}
    assert "privileged" not in container["securityContext"]
    assert "volumes" not in pod
    assert not [flag for flag in container["command"] if "fail-open" in flag]


def test_measurements_are_kept_as_long_and_on_as_much_as_answered(render: Any) -> None:
    rendering = prometheus(render, retentionDays=30, volumeGibibytes=50)
    spec = rendering.object("Deployment", "prometheus")["spec"]["template"]["spec"]
    assert "--storage.tsdb.retention.time=30d" in spec["containers"][0]["command"]
    claim = rendering.object("PersistentVolumeClaim", "prometheus")
    assert claim["spec"]["resources"]["requests"]["storage"] == "50Gi"


def test_without_a_volume_nothing_is_claimed(render: Any) -> None:
    rendering = prometheus(render)
    assert "PersistentVolumeClaim" not in {one.kind for one in rendering.manifests()}
    volumes = rendering.object("Deployment", "prometheus")["spec"]["template"]["spec"]["volumes"]
    assert {"name": "data", "emptyDir": {}} in volumes


def test_rules_judge_api_servers_etcd_kubelets_and_nodes(render: Any) -> None:
    config = prometheus(render).object("ConfigMap", "prometheus")["data"]
    groups = {group["name"]: group["rules"] for group in yaml.safe_load(config["rules.yaml"])["groups"]}
    assert set(groups) == {"kube-apiserver", "etcd", "kubelet", "nodes"}
    assert all(
        set(rule) == {"alert", "expr", "for", "labels", "annotations"} for one in groups.values() for rule in one
    )
    jobs = {job["job_name"] for job in yaml.safe_load(config["prometheus.yaml"])["scrape_configs"]}
    assert jobs == {"apiserver", "kubelet", "containers", "node", "dns"}


def test_it_may_read_all_that_it_finds_its_targets_by(render: Any) -> None:
    rendering = prometheus(render)
    config = yaml.safe_load(rendering.object("ConfigMap", "prometheus")["data"]["prometheus.yaml"])
    # What each role of its discovery watches: https://prometheus.io/docs/prometheus/latest/configuration/configuration/
    watched = {"node": {"nodes"}, "pod": {"pods"}, "endpointslice": {"endpointslices", "services", "pods"}}
    roles = {sd["role"] for job in config["scrape_configs"] for sd in job["kubernetes_sd_configs"]}
    rules = rendering.object("ClusterRole", "windlass:prometheus")["rules"]
    readable = {
        name for rule in rules if {"get", "list", "watch"} <= set(rule["verbs"]) for name in rule.get("resources", ())
    }
    assert set().union(*(watched[role] for role in roles)) <= readable


def test_etcds_quota_in_the_rules_is_that_of_the_spec(render: Any) -> None:
    rendering = render(**PROMETHEUS, etcd={"quotaBytes": 4294967296})
    assert "0.8 * 4294967296" in rendering.object("ConfigMap", "prometheus")["data"]["rules.yaml"]


def test_the_dashboard_asks_for_what_is_measured(render: Any) -> None:
    dashboard = json.loads((Path(__file__).parents[3] / "include/grafana/cluster.json").read_text())
    config = prometheus(render).object("ConfigMap", "prometheus")["data"]
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    judged = set(re.findall(r"\b(?:node|apiserver|etcd|kubelet)_[a-z_]+", config["rules.yaml"], re.IGNORECASE))
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert {"apiserver_storage_size_bytes", "etcd_request_duration_seconds_bucket"} <= judged
    assert all(name in asked for name in ("apiserver_storage_size_bytes", "node_filesystem_avail_bytes", "ALERTS"))
